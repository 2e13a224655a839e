//! The containers of tasks, with a scripted engine, and with the real one where it answers.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixListener,
    sync::{Arc, Mutex},
};

use runner::sandbox::{engine_answers, ensure_in, stop_in};

use super::settings;

#[tokio::test]
async fn what_a_killed_emulator_left_is_removed_and_nothing_of_others() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let socket = dir.path().join("docker.sock");
    let mut settings = settings(&state);
    settings.docker_hosts = vec!["unix:///nonexistent.sock".into(), format!("unix://{}", socket.display())];
    // The name under which this sandbox labels its containers, from an earlier life.
    std::fs::create_dir(&state).unwrap();
    std::fs::write(state.join("instance"), "runner-00000000000000aa").unwrap();

    let deleted = Arc::new(Mutex::new(Vec::new()));
    let listener = UnixListener::bind(&socket).unwrap();
    let noted = Arc::clone(&deleted);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let first = lines.next().unwrap_or_default();
            lines.by_ref().take_while(|line| !line.is_empty()).for_each(drop);
            let (status, body) = if first.starts_with("GET /_ping") {
                ("200 OK", "OK")
            } else if first.starts_with("GET /containers/json?all=true&filters=") {
                (
                    "200 OK",
                    r#"[{"Id":"ours1","Labels":{"ministack.instance":"runner-00000000000000aa:4566"}},
                        {"Id":"ours2","Labels":{"ministack.instance":"runner-00000000000000aa:40001"}},
                        {"Id":"theirs","Labels":{"ministack.instance":"runner-00000000000000ab:4566"}},
                        {"Id":"host","Labels":{"ministack.instance":"laptop:4566"}}]"#,
                )
            } else if let Some(rest) = first.strip_prefix("DELETE /containers/") {
                noted.lock().unwrap().push(rest.split(' ').next().unwrap_or_default().to_owned());
                ("204 No Content", "")
            } else {
                ("404 Not Found", "")
            };
            let length = body.len();
            let _ = write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
        }
    });

    let sandbox = ensure_in(&settings, &|_| {}).await.unwrap();
    assert!(sandbox.engine);
    let expected = ["ours1?force=true&v=true", "ours2?force=true&v=true"];
    let mut at_start = std::mem::take(&mut *deleted.lock().unwrap());
    at_start.sort();
    assert_eq!(at_start, expected);

    assert!(stop_in(&settings).await.unwrap());
    let mut at_stop = std::mem::take(&mut *deleted.lock().unwrap());
    at_stop.sort();
    assert_eq!(at_stop, expected);
    // Nothing runs any more, but after a kill there could still be some.
    assert!(!stop_in(&settings).await.unwrap());
    assert_eq!(deleted.lock().unwrap().len(), 2);
}

#[cfg(target_arch = "x86_64")]
mod real {
    use std::{
        process::{Command, Stdio},
        time::{Duration, Instant},
    };

    use runner::sandbox::{ensure_in, reset_in, stop_in};
    use rustix::process::{Pid, Signal, kill_process};

    use super::{
        super::{post, settings, unsigned},
        *,
    };

    /// A whole program that waits for signals: pause(2) in a loop.
    fn waiting_program() -> Vec<u8> {
        let code: [u8; 9] = [0xB8, 0x22, 0, 0, 0, 0x0F, 0x05, 0xEB, 0xF7];
        let mut elf = Vec::new();
        elf.extend(*b"\x7FELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
        elf.extend([2, 0, 62, 0, 1, 0, 0, 0]);
        // Entry, program headers, no sections.
        for word in [0x40_0078_u64, 64, 0] {
            elf.extend(word.to_le_bytes());
        }
        elf.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 64, 0, 0, 0, 0, 0]);
        // One segment, readable and executable: the whole file at 0x400000.
        elf.extend([1, 0, 0, 0, 5, 0, 0, 0]);
        let length = 120 + code.len() as u64;
        for word in [0, 0x40_0000, 0x40_0000, length, length, 0x1000] {
            elf.extend(word.to_le_bytes());
        }
        elf.extend(code);
        elf
    }

    fn docker(args: &[&str]) -> String {
        let output = Command::new("docker").args(args).stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "docker {args:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn containers(instance: &str) -> usize {
        // The label's value has the port too, so the list is filtered here.
        let labels = docker(&["ps", "--all", "--filter", "label=ministack.instance", "--format", "{{.Labels}}"]);
        labels.lines().filter(|line| line.contains(&format!("ministack.instance={instance}:"))).count()
    }

    async fn until(instance: &str, count: usize) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while containers(instance) != count {
            assert!(Instant::now() < deadline, "not {count} containers but {}", containers(instance));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn run_task(port: u16, image: &str) {
        let ecs = |action: &str, body: String| {
            let target = format!("AmazonEC2ContainerServiceV20141113.{action}");
            let answer = post(port, &unsigned("ecs", "000000000000", &target), &body);
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        };
        ecs("CreateCluster", r#"{"clusterName":"c"}"#.to_owned());
        let container = format!(r#"{{"name":"wait","image":"{image}","command":["/wait"]}}"#);
        ecs("RegisterTaskDefinition", format!(r#"{{"family":"f","containerDefinitions":[{container}]}}"#));
        ecs("RunTask", r#"{"cluster":"c","taskDefinition":"f"}"#.to_owned());
    }

    #[tokio::test]
    async fn tasks_are_containers_and_go_with_reset_stop_and_kill() {
        let hosts = runner::sandbox::Settings::from_process().unwrap().docker_hosts;
        let mut answering = Vec::new();
        for host in hosts {
            if engine_answers(&host).await {
                answering.push(host);
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let mut settings = settings(&state);
        settings.docker_hosts = answering;
        let sandbox = ensure_in(&settings, &|_| {}).await.unwrap();
        assert_eq!(sandbox.engine, !settings.docker_hosts.is_empty());
        if !sandbox.engine {
            // Said as it is; the scripted engine above proves the rest.
            assert!(stop_in(&settings).await.unwrap());
            return;
        }
        let image = Image::new(dir.path());
        let instance = std::fs::read_to_string(state.join("instance")).unwrap();

        run_task(sandbox.port, &image.0);
        until(&instance, 1).await;
        reset_in(&settings).await.unwrap();
        until(&instance, 0).await;

        run_task(sandbox.port, &image.0);
        until(&instance, 1).await;
        kill_process(Pid::from_raw(sandbox.pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
        let again = ensure_in(&settings, &|_| {}).await.unwrap();
        assert_ne!(again.pid, sandbox.pid);
        assert_eq!(containers(&instance), 0, "left by the one that was killed");

        run_task(again.port, &image.0);
        until(&instance, 1).await;
        assert!(stop_in(&settings).await.unwrap());
        assert_eq!(containers(&instance), 0, "left by the one that was stopped");
    }

    /// An image for the time of the test.
    struct Image(String);

    impl Image {
        fn new(dir: &std::path::Path) -> Self {
            let path = dir.join("root.tar");
            let mut archive = tar::Builder::new(std::fs::File::create(&path).unwrap());
            let program = waiting_program();
            let mut header = tar::Header::new_gnu();
            header.set_size(program.len() as u64);
            header.set_mode(0o755);
            header.set_cksum();
            archive.append_data(&mut header, "wait", program.as_slice()).unwrap();
            archive.finish().unwrap();
            let name = format!("runner-test-wait:{}", std::process::id());
            docker(&["import", path.to_str().unwrap(), &name]);
            Self(name)
        }
    }

    impl Drop for Image {
        fn drop(&mut self) {
            let _ = Command::new("docker").args(["rmi", "--force", &self.0]).stdout(Stdio::null()).status();
        }
    }
}
