//! The program in the stand-in image: it takes an app's place in a sandbox.
//!
//! Without a command it answers the health check on the app's port, or only waits where the app has no port. With
//! a command that is none of the app's own services (a migration) it prints it and ends with 0. SIGTERM and SIGINT
//! end it, also as process 1.
//!
//! It speaks to the kernel itself: `build.rs` compiles this one file to a small static program with nothing but
//! the compiler, no C library and no base image.

#![no_std]
#![no_main]
// The loops below are memcpy and friends; the compiler must not turn them into calls of themselves.
#![no_builtins]

use core::arch::{asm, global_asm};

#[cfg(target_arch = "x86_64")]
mod nr {
    pub const WRITE: usize = 1;
    pub const READ: usize = 0;
    pub const CLOSE: usize = 3;
    pub const SIGACTION: usize = 13;
    pub const SOCKET: usize = 41;
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
mod nr {
    pub const CLOSE: usize = 57;
    pub const READ: usize = 63;
    pub const WRITE: usize = 64;
    pub const PPOLL: usize = 73;
    pub const EXIT_GROUP: usize = 94;
    pub const CLOCK_GETTIME: usize = 113;
    pub const SIGACTION: usize = 134;
    pub const SOCKET: usize = 198;
    pub const BIND: usize = 200;
    pub const LISTEN: usize = 201;
    pub const SENDTO: usize = 206;
    pub const SETSOCKOPT: usize = 208;
    pub const ACCEPT4: usize = 242;
}

#[cfg(target_arch = "x86_64")]
global_asm!(".globl _start", "_start:", "mov rdi, rsp", "and rsp, -16", "call {main}", main = sym main);
#[cfg(target_arch = "aarch64")]
global_asm!(".globl _start", "_start:", "mov x0, sp", "bl {main}", main = sym main);

fn call(nr: usize, a: [usize; 6]) -> isize {
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

fn exit(code: usize) -> ! {
    call(nr::EXIT_GROUP, [code, 0, 0, 0, 0, 0]);
    loop {}
}

extern "C" fn end(_signal: i32) {
    exit(0)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(101)
}

/// Named by `core`, which was compiled to unwind; nothing unwinds here.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

fn print(text: &[u8]) {
    call(nr::WRITE, [1, text.as_ptr() as usize, text.len(), 0, 0, 0]);
}

fn fail(text: &[u8]) -> ! {
    call(nr::WRITE, [2, text.as_ptr() as usize, text.len(), 0, 0, 0]);
    exit(1)
}

/// A text of the kernel's, which ends with a zero and lives as long as the process.
fn text(start: *const u8) -> &'static [u8] {
    let mut len = 0;
    // SAFETY: the kernel puts a zero behind every argument and variable.
    unsafe {
        while *start.add(len) != 0 {
            len += 1;
        }
        core::slice::from_raw_parts(start, len)
    }
}

/// `stack` is where the kernel put the arguments and the environment.
extern "C" fn main(stack: *const usize) -> ! {
    // SAFETY: the layout of a new process's stack: count, arguments, null, variables, null.
    let (count, arguments, variables) = unsafe { (*stack, stack.add(1), stack.add(*stack + 2)) };
    handle(15);
    handle(2);

    let (mut port, mut path, mut services): (&[u8], &[u8], &[u8]) = (b"", b"/", b"");
    let mut at = variables;
    // SAFETY: the list ends with a null.
    while let start @ 1.. = unsafe { *at } {
        let variable = text(start as *const u8);
        port = variable.strip_prefix(b"STAND_IN_PORT=").unwrap_or(port);
        path = variable.strip_prefix(b"STAND_IN_PATH=").unwrap_or(path);
        services = variable.strip_prefix(b"STAND_IN_SERVICES=").unwrap_or(services);
        // SAFETY: as above.
        at = unsafe { at.add(1) };
    }

    let mut command = Line { bytes: [0; 4096], len: 0 };
    for i in 1..count {
        if i > 1 {
            command.add(b" ");
        }
        // SAFETY: `i` is below the count.
        command.add(text(unsafe { *arguments.add(i) } as *const u8));
    }
    let command = command.text();
    if count > 1 && !services.split(|b| *b == b'\n').any(|service| service == command) {
        print(b"stand-in: would run: ");
        print(command);
        print(b"\n");
        exit(0);
    }
    match number(port) {
        0 => {
            print(b"stand-in: waiting\n");
            call(nr::PPOLL, [0; 6]);
            exit(0)
        }
        number => serve(number, path),
    }
}

/// Ends the process on a signal: process 1 has no default for it.
fn handle(signal: usize) {
    /// The kernel's `sigaction`.
    #[repr(C)]
    struct Action {
        handler: usize,
        flags: usize,
        restorer: usize,
        mask: usize,
    }
    const SA_RESTORER: usize = 0x0400_0000;
    let handler = end as extern "C" fn(i32) as usize;
    // x86_64 takes no handler without something to return to; this one never returns.
    let action = Action { handler, flags: SA_RESTORER, restorer: handler, mask: 0 };
    call(nr::SIGACTION, [signal, &raw const action as usize, 0, 8, 0, 0]);
}

fn serve(port: u16, path: &[u8]) -> ! {
    let [high, low] = port.to_be_bytes();
    let address = [2_u16.to_ne_bytes()[0], 2_u16.to_ne_bytes()[1], high, low, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let listener = call(nr::SOCKET, [2, 1 | 0o2_000_000, 0, 0, 0, 0]);
    let on = 1_u32;
    call(nr::SETSOCKOPT, [listener as usize, 1, 2, &raw const on as usize, 4, 0]);
    if call(nr::BIND, [listener as usize, address.as_ptr() as usize, 16, 0, 0, 0]) < 0
        || call(nr::LISTEN, [listener as usize, 128, 0, 0, 0, 0]) < 0
    {
        fail(b"stand-in: the port cannot be listened on\n");
    }
    print(b"stand-in: listening\n");
    loop {
        let peer = call(nr::ACCEPT4, [listener as usize, 0, 0, 0, 0, 0]);
        if peer >= 0 {
            answer(peer as usize, path);
            call(nr::CLOSE, [peer as usize, 0, 0, 0, 0, 0]);
        }
    }
}

fn answer(peer: usize, path: &[u8]) {
    // Two seconds for a peer that says nothing: there is one thread.
    let patience = [2_usize, 0];
    call(nr::SETSOCKOPT, [peer, 1, 20, patience.as_ptr() as usize, 16, 0]);
    let mut request = [0; 4096];
    let mut len = 0;
    while len < request.len() {
        let got = call(nr::READ, [peer, request[len..].as_mut_ptr() as usize, request.len() - len, 0, 0, 0]);
        if got <= 0 {
            return;
        }
        len += got as usize;
        if request[..len].windows(4).any(|end| end == b"\r\n\r\n") {
            break;
        }
    }
    let asked = request[..len].split(|b| *b == b' ').nth(1).unwrap_or(b"");
    let asked = asked.split(|b| *b == b'?').next().unwrap_or(b"");
    let mut line = Line { bytes: [0; 4096], len: 0 };
    if asked == path {
        line.add(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 54\r\n");
        line.add(b"Connection: close\r\n\r\n{\"status\":\"ok\",\"timestamp\":\"");
        line.add(&now());
        line.add(b"\"}");
    } else {
        line.add(b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 24\r\n");
        line.add(b"Connection: close\r\n\r\nstand-in: nothing here.\n");
    }
    let text = line.text();
    // MSG_NOSIGNAL: a peer that has gone must not end us.
    call(nr::SENDTO, [peer, text.as_ptr() as usize, text.len(), 0x4000, 0, 0]);
}

/// The time in UTC, as `2026-01-31T12:00:00.000Z`.
fn now() -> [u8; 24] {
    let mut time = [0_u64; 2];
    call(nr::CLOCK_GETTIME, [0, time.as_mut_ptr() as usize, 0, 0, 0, 0]);
    let (days, second) = (time[0] / 86400, time[0] % 86400);
    // Days to a date, with years that begin in March.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let mut out = *b"0000-00-00T00:00:00.000Z";
    let fields =
        [(0, 4, year), (5, 2, month), (8, 2, day), (11, 2, second / 3600), (14, 2, second / 60 % 60), (17, 2, second % 60), (20, 3, time[1] / 1_000_000)];
    for (start, width, mut value) in fields {
        for place in (start..start + width).rev() {
            if let Some(byte) = out.get_mut(place) {
                *byte = b'0' + (value % 10) as u8;
            }
            value /= 10;
        }
    }
    out
}

/// Digits to a port; 0 for anything else.
fn number(digits: &[u8]) -> u16 {
    digits.iter().fold(0_u32, |n, b| n.wrapping_mul(10).wrapping_add(u32::from(b.wrapping_sub(b'0')))) as u16
}

struct Line {
    bytes: [u8; 4096],
    len: usize,
}

impl Line {
    fn add(&mut self, text: &[u8]) {
        for byte in text {
            if let Some(place) = self.bytes.get_mut(self.len) {
                *place = *byte;
                self.len += 1;
            }
        }
    }

    fn text(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(b"")
    }
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
