//! The systemd unit: the service gets what it needs and nothing else.

use super::Plan;

/// The unit of a machine's own service. The parser of catalogues gives up the network in a namespace of its own, and so
/// two kinds of namespaces are allowed.
const MACHINE: &str = "\
# Made by `patchwharf init`. Change it by a file beside it: systemctl edit patchwharf
[Unit]
Description=Patchwharf, patch content and patch management
After=network-online.target postgresql.service
Wants=network-online.target
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=notify
NotifyAccess=main
User=@USER@
Group=@USER@
ExecStart=@PROGRAM@ --data @DATA@ serve
Restart=on-failure
RestartSec=5
# A migration copies the database first.
TimeoutStartSec=30min
# Jobs go back to their queue within ten seconds.
TimeoutStopSec=30
KillMode=mixed
LimitNOFILE=262144
UMask=0077

# Package locations and folders of backups elsewhere must be named too. With `systemctl edit patchwharf`:
#   [Service]
#   ReadWritePaths=/srv/packages /srv/backups
ReadWritePaths=@DATA@
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectHostname=yes
ProtectClock=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectProc=invisible
ProcSubset=pid
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=user net
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @keyring
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
";

/// The unit of a user's own service manager: what needs no root.
const OWN_ACCOUNT: &str = "\
# Made by `patchwharf init --user`. Change it by a file beside it: systemctl --user edit patchwharf
[Unit]
Description=Patchwharf, patch content and patch management
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=notify
NotifyAccess=main
ExecStart=@PROGRAM@ --data @DATA@ serve
Restart=on-failure
RestartSec=5
TimeoutStartSec=30min
TimeoutStopSec=30
KillMode=mixed
UMask=0077
NoNewPrivileges=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native

[Install]
WantedBy=default.target
";

/// The unit for a plan.
pub(super) fn text(plan: &Plan) -> String {
    let text = if plan.own_account { OWN_ACCOUNT } else { MACHINE };
    let user = plan.service_user.as_deref().unwrap_or("patchwharf");
    text.replace("@USER@", user)
        .replace("@PROGRAM@", &quoted(plan.program.as_str()))
        .replace("@DATA@", &quoted(plan.data.as_str()))
}

/// As systemd reads one word (systemd.syntax(7)): `%` begins a specifier, spaces end a word.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    if escaped.contains(char::is_whitespace) { format!("\"{escaped}\"") } else { escaped }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_filled_and_paths_with_spaces_are_one_word() {
        let plan =
            Plan { data: "/srv/my data/100%".into(), ..Plan::machine("/usr/bin/patchwharf".into(), "wharf".into()) };
        let text = text(&plan);
        assert!(text.contains("ExecStart=/usr/bin/patchwharf --data \"/srv/my data/100%%\" serve\n"), "{text}");
        assert!(text.contains("User=wharf\nGroup=wharf\n") && text.contains("ReadWritePaths=\"/srv/my data/100%%\"\n"));
        for place in ["@USER@", "@PROGRAM@", "@DATA@"] {
            assert!(!text.contains(place), "{place}");
        }
        let own = Plan::own_account("/usr/bin/patchwharf".into(), "/home/a/wharf".into(), "/home/a/.config".into());
        let text = super::text(&own);
        assert!(!text.contains("User=") && text.contains("WantedBy=default.target"));
    }
}
