//! What a program is made of that has no C library: the kernel's calls, where it starts, signals, a listening socket. Each
//! program that takes it as a module has a `main(stack)` at its root.

use core::arch::{asm, global_asm};

#[cfg(target_arch = "x86_64")]
#[allow(dead_code)]
pub mod nr {
    pub const WRITE: usize = 1;
    pub const READ: usize = 0;
    pub const CLOSE: usize = 3;
    pub const MMAP: usize = 9;
    pub const SIGACTION: usize = 13;
    pub const NANOSLEEP: usize = 35;
    pub const SOCKET: usize = 41;
    pub const CONNECT: usize = 42;
    pub const SENDTO: usize = 44;
    pub const BIND: usize = 49;
    pub const LISTEN: usize = 50;
    pub const SETSOCKOPT: usize = 54;
    pub const CLOCK_GETTIME: usize = 228;
    pub const EXIT_GROUP: usize = 231;
    pub const PPOLL: usize = 271;
    pub const ACCEPT4: usize = 288;
}

#[cfg(target_arch = "aarch64")]
#[allow(dead_code)]
pub mod nr {
    pub const CLOSE: usize = 57;
    pub const READ: usize = 63;
    pub const WRITE: usize = 64;
    pub const PPOLL: usize = 73;
    pub const EXIT_GROUP: usize = 94;
    pub const NANOSLEEP: usize = 101;
    pub const CLOCK_GETTIME: usize = 113;
    pub const SIGACTION: usize = 134;
    pub const SOCKET: usize = 198;
    pub const BIND: usize = 200;
    pub const LISTEN: usize = 201;
    pub const CONNECT: usize = 203;
    pub const SENDTO: usize = 206;
    pub const SETSOCKOPT: usize = 208;
    pub const MMAP: usize = 222;
    pub const ACCEPT4: usize = 242;
}

#[cfg(target_arch = "x86_64")]
global_asm!(".globl _start", "_start:", "mov rdi, rsp", "and rsp, -16", "call {main}", main = sym crate::main);
#[cfg(target_arch = "aarch64")]
global_asm!(".globl _start", "_start:", "mov x0, sp", "bl {main}", main = sym crate::main);

/// A call of the kernel; what it gives is negative where it failed.
pub fn call(nr: usize, a: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: every caller passes pointers to memory that lives through the call.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("syscall", inlateout("rax") nr as isize => result, in("rdi") a[0], in("rsi") a[1], in("rdx") a[2],
            in("r10") a[3], in("r8") a[4], in("r9") a[5], out("rcx") _, out("r11") _);
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!("svc 0", inlateout("x0") a[0] as isize => result, in("x8") nr, in("x1") a[1], in("x2") a[2],
            in("x3") a[3], in("x4") a[4], in("x5") a[5]);
    }
    result
}

pub fn exit(code: usize) -> ! {
    call(nr::EXIT_GROUP, [code, 0, 0, 0, 0, 0]);
    loop {}
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(101)
}

/// Named by `core`, which was compiled to unwind; nothing unwinds here.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// A text of the kernel's, which ends with a zero and lives as long as the process.
pub fn text(start: *const u8) -> &'static [u8] {
    let mut len = 0;
    // SAFETY: the kernel puts a zero behind every argument and variable.
    unsafe {
        while *start.add(len) != 0 {
            len += 1;
        }
        core::slice::from_raw_parts(start, len)
    }
}

/// What a signal does from now on; process 1 has no default for one.
pub fn handle(signal: usize, end: extern "C" fn(i32)) {
    /// The kernel's `sigaction`.
    #[repr(C)]
    struct Action {
        handler: usize,
        flags: usize,
        restorer: usize,
        mask: usize,
    }
    const SA_RESTORER: usize = 0x0400_0000;
    let handler = end as usize;
    // x86_64 takes no handler without something to return to; ours never return.
    let action = Action { handler, flags: SA_RESTORER, restorer: handler, mask: 0 };
    call(nr::SIGACTION, [signal, &raw const action as usize, 0, 8, 0, 0]);
}

/// The kernel's `sockaddr_in`.
pub fn address(host: [u8; 4], port: u16) -> [u8; 16] {
    let ([family, rest], [high, low]) = (2_u16.to_ne_bytes(), port.to_be_bytes());
    [family, rest, high, low, host[0], host[1], host[2], host[3], 0, 0, 0, 0, 0, 0, 0, 0]
}

/// A socket that listens there; none where it cannot be.
pub fn listen(host: [u8; 4], port: u16) -> Option<usize> {
    let address = address(host, port);
    let listener = call(nr::SOCKET, [2, 1 | 0o2_000_000, 0, 0, 0, 0]) as usize;
    let on = 1_u32;
    call(nr::SETSOCKOPT, [listener, 1, 2, &raw const on as usize, 4, 0]);
    let listens = call(nr::BIND, [listener, address.as_ptr() as usize, 16, 0, 0, 0]) >= 0
        && call(nr::LISTEN, [listener, 128, 0, 0, 0, 0]) >= 0;
    listens.then_some(listener)
}

/// The path that a peer asks for, once its request's head is there; none where it says nothing.
pub fn asked(peer: usize, request: &mut [u8]) -> Option<&[u8]> {
    // Two seconds for a peer that says nothing: there is one thread.
    let patience = [2_usize, 0];
    call(nr::SETSOCKOPT, [peer, 1, 20, patience.as_ptr() as usize, 16, 0]);
    let mut len = 0;
    while len < request.len() && !request[..len].windows(4).any(|end| end == b"\r\n\r\n") {
        let got = call(nr::READ, [peer, request[len..].as_mut_ptr() as usize, request.len() - len, 0, 0, 0]);
        if got <= 0 {
            return None;
        }
        len += got as usize;
    }
    Some(request[..len].split(|b| *b == b' ').nth(1).unwrap_or(b""))
}

/// Sends a part of an answer.
pub fn send(peer: usize, text: &[u8]) {
    // MSG_NOSIGNAL: a peer that has gone must not end us.
    call(nr::SENDTO, [peer, text.as_ptr() as usize, text.len(), 0x4000, 0, 0]);
}

/// Digits to a port; 0 for anything else.
pub fn number(digits: &[u8]) -> u16 {
    digits.iter().fold(0_u32, |n, b| n.wrapping_mul(10).wrapping_add(u32::from(b.wrapping_sub(b'0')))) as u16
}

/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    for i in 0..n {
        // SAFETY: the caller's.
        unsafe { *to.add(i) = *from.add(i) };
    }
    to
}

/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memset(to: *mut u8, byte: i32, n: usize) -> *mut u8 {
    for i in 0..n {
        // SAFETY: the caller's.
        unsafe { *to.add(i) = byte as u8 };
    }
    to
}

/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, n: usize) -> i32 {
    for i in 0..n {
        // SAFETY: the caller's.
        let (a, b) = unsafe { (*a.add(i), *b.add(i)) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

/// # Safety
/// As C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, n: usize) -> i32 {
    // SAFETY: the caller's.
    unsafe { memcmp(a, b, n) }
}
