//! `patchwharf init`: once, again, after an administrator's change, and on a whole machine.

use std::{fs, os::unix::fs::MetadataExt, path::Path, process::Command};

use patchwharf_testkit::{
    eventually,
    server::{DEADLINE, free_port},
    skipped,
};

use crate::stock::BINARY;

fn init(arguments: &[&str]) -> String {
    let output = Command::new(BINARY).arg("init").args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o777
}

#[test]
fn it_makes_everything_once_and_never_writes_over_an_administrators_work() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("image");
    let at = ["--root", root.to_str().unwrap(), "--program", "/usr/bin/patchwharf"];
    let dry = init(&[&at[..], &["--dry-run"]].concat());
    assert!(dry.contains("would make") && !root.exists(), "{dry}");
    let first = init(&at);
    assert!(!first.contains("is there") && first.matches("made").count() >= 6, "{first}");
    let configuration = root.join("etc/patchwharf/patchwharf.toml");
    let (data, unit) = (root.join("var/lib/patchwharf"), root.join("etc/systemd/system/patchwharf.service"));
    assert_eq!((mode(&data), mode(&configuration), mode(&unit)), (0o700, 0o640, 0o644));
    assert_eq!(fs::read_link(data.join("patchwharf.toml")).unwrap(), Path::new("/etc/patchwharf/patchwharf.toml"));
    let text = fs::read_to_string(&unit).unwrap();
    assert!(text.contains("ExecStart=/usr/bin/patchwharf --data /var/lib/patchwharf serve"), "{text}");
    let again = init(&at);
    assert!(!again.contains("made") && !again.contains("kept"), "{again}");

    let set =
        |path: &Path, mode| fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    set(&data, 0o755);
    set(&configuration, 0o600);
    let wrong = init(&at);
    assert_eq!(wrong.matches("kept").count(), 2, "{wrong}");
    for mend in [format!("chmod 700 {}", data.display()), format!("chmod 640 {}", configuration.display())] {
        assert!(wrong.contains(&mend), "{mend}: {wrong}");
    }
    set(&data, 0o700);
    set(&configuration, 0o640);

    let changed = |path: &Path| {
        let text = format!("{}# mine\n", fs::read_to_string(path).unwrap());
        fs::write(path, &text).unwrap();
        text
    };
    let (my_configuration, my_unit) = (changed(&configuration), changed(&unit));
    let kept = init(&at);
    assert!(kept.matches("kept").count() == 2 && kept.contains("--force replaces it"), "{kept}");
    assert_eq!(fs::read_to_string(&unit).unwrap(), my_unit);
    let forced = init(&[&at[..], &["--force"]].concat());
    assert!(forced.contains("replaced") && forced.contains("kept as"), "{forced}");
    assert_eq!(fs::read_to_string(&unit).unwrap(), text);
    assert_eq!(fs::read_to_string(&configuration).unwrap(), my_configuration, "no flag replaces it");
    let copies: Vec<_> = fs::read_dir(unit.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| *path != unit)
        .collect();
    assert_eq!(copies.len(), 1, "{copies:?}");
    assert_eq!(fs::read_to_string(&copies[0]).unwrap(), my_unit);
}

#[test]
fn the_configuration_that_it_writes_starts_a_server_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("wharf");
    let output = Command::new(BINARY)
        .args(["--data", data.to_str().unwrap(), "init", "--user"])
        .env("XDG_CONFIG_HOME", home.path().join("config"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(home.path().join("config/systemd/user/patchwharf.service").exists());
    assert_eq!(mode(&data.join("patchwharf.toml")), 0o600);
    let (data, listen) = (data.to_str().unwrap(), format!("127.0.0.1:{}", free_port()));
    let mut server = Command::new(BINARY).args(["--data", data, "serve", "--listen", &listen]).spawn().unwrap();
    let url = format!("https://{listen}");
    let shown = eventually("the server answers", DEADLINE, || {
        assert!(server.try_wait().unwrap().is_none(), "it ended");
        let shown = Command::new(BINARY).args(["--data", data, "--server", &url, "settings", "show"]).output().unwrap();
        shown.status.success().then(|| String::from_utf8(shown.stdout).unwrap())
    });
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(shown.contains(&format!("\"file\": \"{data}/patchwharf.toml\"")), "{shown}");
}

/// A whole machine: in a mount namespace of its own, so that nothing outside is touched.
#[test]
fn on_a_machine_the_service_user_owns_the_data_and_a_server_runs_as_that_user() {
    if !rustix::process::geteuid().is_root() {
        return skipped("init of a whole machine: this test is not run by root");
    }
    let home = tempfile::tempdir().unwrap();
    let script = format!(
        r#"
set -e
for folder in etc var/lib; do
    mkdir -p {home}/$folder/upper {home}/$folder/work
    mount -t overlay overlay -o lowerdir=/$folder,upperdir={home}/$folder/upper,workdir={home}/$folder/work /$folder
done
install -m 755 {binary} {home}/patchwharf
{home}/patchwharf init
{home}/patchwharf init
getent passwd patchwharf | grep -q nologin
test "$(stat -c %U:%a /var/lib/patchwharf)" = patchwharf:700
test "$(stat -c %U:%G:%a /etc/patchwharf/patchwharf.toml)" = root:patchwharf:640
cd /
runuser -u patchwharf -- {home}/patchwharf --data /var/lib/patchwharf serve --listen 127.0.0.1:{port} &
server=$!
for n in $(seq 600); do
    if {home}/patchwharf --server https://127.0.0.1:{port} settings show >/dev/null 2>&1; then break; fi
    sleep 0.2
done
{home}/patchwharf --server https://127.0.0.1:{port} settings show
{home}/patchwharf user reset
test "$(stat -c %U:%a /var/lib/patchwharf/admin.token)" = patchwharf:600
{home}/patchwharf --server https://127.0.0.1:{port} settings show >/dev/null
kill $server
wait $server || true
echo ALL-DONE
"#,
        home = home.path().display(),
        binary = BINARY,
        port = free_port(),
    );
    // The service user must reach its program.
    fs::set_permissions(home.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let output =
        Command::new("unshare").args(["--mount", "bash", "-c", &script]).env_remove("PATCHWHARF_DATA").output();
    let Ok(output) = output else { return skipped("init of a whole machine: unshare is not there") };
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if said.contains("unshare failed") || said.contains("wrong fs type") {
        return skipped("init of a whole machine: no mount namespaces or overlays here");
    }
    assert!(said.contains("ALL-DONE"), "{said}");
    assert!(said.contains("made          user patchwharf") && said.contains("is there      user patchwharf"), "{said}");
    assert!(
        Command::new("getent").args(["passwd", "patchwharf"]).output().unwrap().stdout.is_empty(),
        "nothing outside"
    );
}
