//! The program in the stand-in image: it takes an app's place in a sandbox.
//!
//! Without a command it answers the health check on the app's port, or only waits where the app has no port. With
//! a command that is none of the app's own services (a migration) it prints it and ends with 0. SIGTERM and SIGINT
//! end it, also as process 1.
//!
//! It speaks to the kernel itself: `build.rs` compiles it to a small static program with nothing but the compiler, no C
//! library and no base image.

#![no_std]
#![no_main]
// The loops below are memcpy and friends; the compiler must not turn them into calls of themselves.
#![no_builtins]

mod kernel;

use kernel::{asked, call, exit, handle, listen, nr, number, send, text};

extern "C" fn end(_signal: i32) {
    exit(0)
}

fn print(text: &[u8]) {
    call(nr::WRITE, [1, text.as_ptr() as usize, text.len(), 0, 0, 0]);
}

fn fail(text: &[u8]) -> ! {
    call(nr::WRITE, [2, text.as_ptr() as usize, text.len(), 0, 0, 0]);
    exit(1)
}

/// `stack` is where the kernel put the arguments and the environment.
extern "C" fn main(stack: *const usize) -> ! {
    // SAFETY: the layout of a new process's stack: count, arguments, null, variables, null.
    let (count, arguments, variables) = unsafe { (*stack, stack.add(1), stack.add(*stack + 2)) };
    handle(15, end);
    handle(2, end);

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
fn serve(port: u16, path: &[u8]) -> ! {
    let Some(listener) = listen([0; 4], port) else { fail(b"stand-in: the port cannot be listened on\n") };
    print(b"stand-in: listening\n");
    loop {
        let peer = call(nr::ACCEPT4, [listener, 0, 0, 0, 0, 0]);
        if peer >= 0 {
            answer(peer as usize, path);
            call(nr::CLOSE, [peer as usize, 0, 0, 0, 0, 0]);
        }
    }
}

fn answer(peer: usize, path: &[u8]) {
    let mut request = [0; 4096];
    let Some(asked) = asked(peer, &mut request) else { return };
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
    send(peer, line.text());
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
