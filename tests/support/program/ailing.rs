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

#[path = "../../../stand-in/kernel.rs"]
mod kernel;

use kernel::{address, asked, call, exit, handle, listen, nr, number, send, text};

/// As a shell says of a program that SIGTERM ended: 128 and its number.
extern "C" fn end(_signal: i32) {
    exit(143)
}

extern "C" fn end_well(_signal: i32) {
    exit(0)
}

fn say(text: &[u8]) {
    call(nr::WRITE, [1, text.as_ptr() as usize, text.len(), 0, 0, 0]);
    call(nr::WRITE, [1, b"\n".as_ptr() as usize, 1, 0, 0, 0]);
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

/// Whether a port takes a connection.
fn takes(port: u16) -> bool {
    let socket = call(nr::SOCKET, [2, 1, 0, 0, 0, 0]) as usize;
    call(nr::CONNECT, [socket, address(LOOPBACK, port).as_ptr() as usize, 16, 0, 0, 0]) == 0
}

fn serve(ails: &Ails) -> ! {
    let Some(listener) = listen(if ails.loopback { LOOPBACK } else { [0; 4] }, ails.port) else {
        say(b"the port cannot be listened on");
        exit(1)
    };
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
    let mut request = [0; 1024];
    let Some(path) = asked(peer, &mut request) else { return };
    if ails.crash && path != ails.health {
        say(b"TypeError: undefined is not a function, at the first request");
        exit(1)
    }
    for part in [&b"HTTP/1.1 "[..], ails.status, b" Said\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"] {
        send(peer, part);
    }
}
