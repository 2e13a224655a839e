//! A program that fails as it is told, for images of the tests: a static one for x86_64 with nothing but the compiler,
//! as the stand-in is. Its arguments say what ails it; without any it waits, and ends on SIGTERM.
//!
//! `say=WORDS` a line at the start; `port=N` answers HTTP there with `status=N` (200); `loopback` on 127.0.0.1 only;
//! `silent` accepts and never answers; `health=PATH` is answered, and the first other request `crash`es it; `eat` takes
//! memory until somebody ends it; `deaf` has no handler for SIGTERM, which process 1 then never gets, and `polite` ends
//! with 0 on it; `probe=N` ends at once, with 0 where that port of 127.0.0.1 takes a connection.

#![no_std]
#![no_main]
// The loops below are memcpy and friends; the compiler must not turn them into calls of themselves.
#![no_builtins]

use core::arch::{asm, global_asm};

mod nr {
    pub const READ: usize = 0;
    pub const WRITE: usize = 1;
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
    pub const EXIT_GROUP: usize = 231;
    pub const PPOLL: usize = 271;
    pub const ACCEPT4: usize = 288;
}

global_asm!(".globl _start", "_start:", "mov rdi, rsp", "and rsp, -16", "call {main}", main = sym main);

fn call(nr: usize, a: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: every caller passes pointers to memory that lives through the call.
    unsafe {
        asm!("syscall", inlateout("rax") nr as isize => result, in("rdi") a[0], in("rsi") a[1], in("rdx") a[2],
            in("r10") a[3], in("r8") a[4], in("r9") a[5], out("rcx") _, out("r11") _);
    }
    result
}

fn exit(code: usize) -> ! {
    call(nr::EXIT_GROUP, [code, 0, 0, 0, 0, 0]);
    loop {}
}

/// As a shell says of a program that SIGTERM ended: 128 and its number.
extern "C" fn end(_signal: i32) {
    exit(143)
}

extern "C" fn end_well(_signal: i32) {
    exit(0)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(101)
}

/// Named by `core`, which was compiled to unwind; nothing unwinds here.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

fn say(text: &[u8]) {
    call(nr::WRITE, [1, text.as_ptr() as usize, text.len(), 0, 0, 0]);
    call(nr::WRITE, [1, b"\n".as_ptr() as usize, 1, 0, 0, 0]);
}

/// A text of the kernel's, which ends with a zero and lives as long as the process.
fn text(start: *const u8) -> &'static [u8] {
    let mut len = 0;
    // SAFETY: the kernel puts a zero behind every argument.
    unsafe {
        while *start.add(len) != 0 {
            len += 1;
        }
        core::slice::from_raw_parts(start, len)
    }
}

/// What ails it.
struct Ails {
    port: u16,
    status: &'static [u8],
    health: &'static [u8],
    loopback: bool,
    silent: bool,
    crash: bool,
}

/// `stack` is where the kernel put the arguments.
extern "C" fn main(stack: *const usize) -> ! {
    let mut ails = Ails { port: 0, status: b"200", health: b"", loopback: false, silent: false, crash: false };
    let (mut eats, mut deaf, mut polite, mut said): (bool, bool, bool, &[u8]) = (false, false, false, b"");
    // SAFETY: the layout of a new process's stack: the count, then that many arguments.
    for at in 1..unsafe { *stack } {
        // SAFETY: as above.
        let argument = text(unsafe { *stack.add(1 + at) } as *const u8);
        match argument {
            b"loopback" => ails.loopback = true,
            b"silent" => ails.silent = true,
            b"crash" => ails.crash = true,
            b"eat" => eats = true,
            b"deaf" => deaf = true,
            b"polite" => polite = true,
            _ => {}
        }
        said = argument.strip_prefix(b"say=").unwrap_or(said);
        ails.status = argument.strip_prefix(b"status=").unwrap_or(ails.status);
        ails.health = argument.strip_prefix(b"health=").unwrap_or(ails.health);
        if let Some(port) = argument.strip_prefix(b"probe=") {
            exit(usize::from(!takes(number(port))))
        }
        ails.port = argument.strip_prefix(b"port=").map_or(ails.port, number);
    }
    if !deaf {
        handle(15, if polite { end_well } else { end });
    }
    if !said.is_empty() {
        say(said);
    }
    if eats {
        eat();
    }
    if ails.port > 0 {
        serve(&ails);
    }
    call(nr::PPOLL, [0; 6]);
    exit(0)
}

/// Process 1 has no default for a signal.
fn handle(signal: usize, end: extern "C" fn(i32)) {
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
    let action = Action { handler, flags: SA_RESTORER, restorer: handler, mask: 0 };
    call(nr::SIGACTION, [signal, &raw const action as usize, 0, 8, 0, 0]);
}

/// Takes and touches 4 MiB every 4 ms, up to 4 GiB: who is not ended by then has no limit.
fn eat() -> ! {
    const PIECE: usize = 4 << 20;
    pause(500);
    for _ in 0..1024 {
        // Anonymous, private, readable and writable, with its pages there at once.
        let piece = call(nr::MMAP, [0, PIECE, 3, 0x8022, usize::MAX, 0]);
        if piece < 0 {
            say(b"no memory is given any more");
            exit(12)
        }
        pause(4);
    }
    say(b"nobody minds how much memory is taken");
    exit(9)
}

fn pause(millis: usize) {
    let time = [0_usize, millis * 1_000_000];
    call(nr::NANOSLEEP, [time.as_ptr() as usize, 0, 0, 0, 0, 0]);
}

const LOOPBACK: [u8; 4] = [127, 0, 0, 1];

/// The kernel's `sockaddr_in`.
fn address(host: [u8; 4], port: u16) -> [u8; 16] {
    let [high, low] = port.to_be_bytes();
    [2, 0, high, low, host[0], host[1], host[2], host[3], 0, 0, 0, 0, 0, 0, 0, 0]
}

/// Whether a port takes a connection.
fn takes(port: u16) -> bool {
    let socket = call(nr::SOCKET, [2, 1, 0, 0, 0, 0]) as usize;
    call(nr::CONNECT, [socket, address(LOOPBACK, port).as_ptr() as usize, 16, 0, 0, 0]) == 0
}

fn serve(ails: &Ails) -> ! {
    let address = address(if ails.loopback { LOOPBACK } else { [0; 4] }, ails.port);
    let listener = call(nr::SOCKET, [2, 1 | 0o2_000_000, 0, 0, 0, 0]) as usize;
    let on = 1_u32;
    call(nr::SETSOCKOPT, [listener, 1, 2, &raw const on as usize, 4, 0]);
    if call(nr::BIND, [listener, address.as_ptr() as usize, 16, 0, 0, 0]) < 0
        || call(nr::LISTEN, [listener, 128, 0, 0, 0, 0]) < 0
    {
        say(b"the port cannot be listened on");
        exit(1)
    }
    loop {
        let peer = call(nr::ACCEPT4, [listener, 0, 0, 0, 0, 0]);
        // A silent one keeps what it accepted open.
        if peer >= 0 && !ails.silent {
            answer(peer as usize, ails);
            call(nr::CLOSE, [peer as usize, 0, 0, 0, 0, 0]);
        }
    }
}

fn answer(peer: usize, ails: &Ails) {
    // Two seconds for a peer that says nothing: there is one thread.
    let patience = [2_usize, 0];
    call(nr::SETSOCKOPT, [peer, 1, 20, patience.as_ptr() as usize, 16, 0]);
    let mut request = [0_u8; 1024];
    let mut len = 0;
    while len < request.len() && !request[..len].windows(4).any(|end| end == b"\r\n\r\n") {
        let got = call(nr::READ, [peer, request[len..].as_mut_ptr() as usize, request.len() - len, 0, 0, 0]);
        if got <= 0 {
            return;
        }
        len += got as usize;
    }
    let path = request[..len].split(|b| *b == b' ').nth(1).unwrap_or(b"");
    if ails.crash && path != ails.health {
        say(b"TypeError: undefined is not a function, at the first request");
        exit(1)
    }
    // MSG_NOSIGNAL: a peer that has gone must not end us.
    for part in [&b"HTTP/1.1 "[..], ails.status, b" Said\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"] {
        call(nr::SENDTO, [peer, part.as_ptr() as usize, part.len(), 0x4000, 0, 0]);
    }
}

/// Digits to a port; 0 for anything else.
fn number(digits: &[u8]) -> u16 {
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
