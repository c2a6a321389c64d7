// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/certagent/certagent/logmsg"
)

// hostCases are configurations that this host does not suit, each with what is
// reported about it.
var hostCases = []struct {
	name    string
	text    string
	warning bool // the agent starts
	says    string
}{
	{"unknown user", login + password(`user = "nobody-of-that-name"`), false, `there is no user .*nobody-of-that-name`},
	{"unknown group", login + password(`group = "nobody-of-that-name"`), false, `there is no group .*nobody-of-that-name`},
	{"unknown user of a bundle", login + webBlock("pki/web", `user = "nobody-of-that-name"`), false, `there is no user .*nobody-of-that-name`},
	{"missing CA of Vault", strings.Replace(login, `"ADDRESS"`, "\"ADDRESS\"\n ca_cert = \"DIR/none.crt\"\n", 1) + password(""), false, `none\.crt`},
	{"missing client key", strings.Replace(login, `"ADDRESS"`, "\"ADDRESS\"\n client_cert = \"DIR/none.crt\"\n client_key = \"DIR/none.key\"\n", 1) + password(""), false, `none\.crt`},
	{"sink without a directory", strings.Replace(login, "DIR/token", "DIR/none/token", 1) + password(""), false, `none/token.*no such file`},
	{"destination is a directory", login + strings.Replace(password(""), "DIR/password", "DIR", 1), false, `is a directory`},
	{"broken template", login + strings.Replace(password(""), "{{ end }}", "", 1), false, `unexpected EOF`},
	{"pid_file without a directory", `pid_file = "DIR/none/pid"` + login + password(""), false, `none`},

	{"two destinations that are one", login + password("") + strings.Replace(password(""), "DIR/password", "DIR/link/password", 1), false, `link/password\\?" is the same file as .*/password\\?": a link leads from one directory to the other`},
	{"sink that is a destination through a link", strings.Replace(login, "DIR/token", "DIR/link/password", 1) + password(""), false, `is the same file as`},

	{"missing directory that is not to be created", login + password("create_dest_dirs = false") + strings.Replace(password("create_dest_dirs = false"), "DIR/password", "DIR/none/password", 1), true, `none/password.*no such file`},
	{"a file in the place of the directory", login + strings.Replace(password(""), "DIR/password", "DIR/roleid/password", 1), true, `not a directory`},
	{"missing directory that cannot be created", login + strings.ReplaceAll(webBlock("pki/web", `change_mode = "noop"`), "DIR/web", "/proc/certagent-none"), true, `/proc.*no such file`},
	{"missing template", login + password("") + "template {\n source = \"DIR/none.tpl\"\n destination = \"DIR/other\"\n}\n", true, `none\.tpl`},
	{"missing secret id", strings.Replace(login, "DIR/secretid", "DIR/none", 1) + password(""), true, `DIR/none|/none: no such file`},
	{"missing pid file", login + password("change_mode = \"signal\"\n pid_file = \"DIR/ngnix.pid\""), true, `ngnix\.pid.*does not exist`},
	{"pid file that holds something else", login + password("change_mode = \"signal\"\n pid_file = \"DIR/roleid\""), true, `roleid.*the file does not hold one number`},
	{"missing directory of a pid file", login + password("change_mode = \"signal\"\n pid_file = \"DIR/none/nginx.pid\""), true, `nor does its directory`},
	{"missing command", login + password(`command = ["certagent-no-such-command"]`), true, `certagent-no-such-command`},
	{"missing check", login + webBlock("pki/web", "change_mode = \"noop\"\n check { command = [\"certagent-no-such-command\"] }"), true, `certagent-no-such-command`},
	{"missing child", login + password("") + "exec {\n command = [\"certagent-no-such-command\"]\n}\n", true, `certagent-no-such-command`},
	{"verify address without a host", login + webBlock("pki/web", "change_mode = \"noop\"\n verify { address = \"www.certagent.invalid:443\" }"), true, `lookup www\.certagent\.invalid`},
}

// The agent refuses at its start, before it asks Vault for anything, what validate
// -host calls an error, and warns of what it calls a warning.
func TestAgentRefusesWhatValidateHostRefuses(t *testing.T) {
	for _, c := range hostCases {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			w.Check(os.Symlink(".", w.Path("link")))
			w.Write("agent.hcl", w.expand(c.text))
			code := exitConfig
			if c.warning {
				code = exitOK
			}
			v := launch(w.T, w.Path(""), nil, "validate", "-host", "-config="+w.Path("agent.hcl"))
			v.Ends(code)
			v.Says(c.says)
			if c.warning {
				v.Says("warning")
			}
			v.leavesNothing()

			p := launch(w.T, w.Path(""), nil, "agent", "-config="+w.Path("agent.hcl"))
			if c.warning {
				p.Says(logmsg.ConfigWarning + `.*(` + c.says + `)`)
				return
			}
			p.Ends(exitConfig)
			p.Says(c.says)
			p.leavesNothing()
			if n := w.Asked("PUT", "/v1/") + w.Asked("GET", "/v1/"); n > 0 {
				t.Errorf("%d requests to Vault", n)
			}
		})
	}
}

// Without -host the verdict does not depend on the host. Only the text of the
// templates counts.
func TestValidateGivesTheSameVerdictOnEveryHost(t *testing.T) {
	for _, c := range hostCases {
		if c.name == "broken template" || c.name == "missing directory that is not to be created" { // the file alone shows them
			continue
		}
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			w.Write("agent.hcl", w.expand(c.text))
			launch(w.T, w.Path(""), nil, "validate", "-config="+w.Path("agent.hcl")).Ends(exitOK)
		})
	}
}

// A file that is mounted by itself cannot be replaced: its directory has to be
// mounted.
func TestHostCheckNamesAMountPoint(t *testing.T) {
	if out, err := exec.Command("unshare", "--mount", "true").CombinedOutput(); err != nil {
		t.Skipf("no mount namespace: %v %s", err, out)
	}
	w := newWorld(t)
	w.Write("agent.hcl", w.expand(login+password("")))
	w.Write("password", "x")
	w.Write("outside", "x")
	for _, args := range [][]string{{"validate", "-host"}, {"agent"}} {
		script := `mount --bind "$0" "$1" && shift && exec certagent "$@"`
		p := launchProgram(w.T, w.Path(""), nil, "unshare", append([]string{"--mount", "sh", "-c", script, w.Path("outside"), w.Path("password")},
			append(args, "-config="+w.Path("agent.hcl"))...)...)
		p.Ends(exitConfig)
		p.Says(`is a mount point and cannot be replaced`)
		p.Says(`mount the directory`)
	}
}

// withoutPrivileges starts certagent as root without capabilities: permissions count.
func withoutPrivileges(w *world, args ...string) *process {
	w.Helper()
	if os.Geteuid() != 0 {
		w.Skip("needs root, to set up what root may not do without capabilities")
	}
	if _, err := exec.LookPath("setpriv"); err != nil {
		w.Skip(err)
	}
	return launchProgram(w.T, w.Path(""), nil, "setpriv", append([]string{"--bounding-set=-all", "--inh-caps=-all", "certagent"}, args...)...)
}

// A directory that certagent may not write in is found before anything is issued,
// with the user that it runs as.
func TestAgentRefusesADirectoryThatItMayNotWriteIn(t *testing.T) {
	for name, text := range map[string]string{
		"template": login + strings.Replace(password(""), "DIR/password", "DIR/locked/password", 1),
		"bundle":   login + "bundle \"web\" {\n directory = \"DIR/locked\"\n change_mode = \"noop\"\n certificate {\n role = \"pki/web\"\n common_name = \"a\"\n files = { cert = \"tls.crt\", key = \"tls.key\" }\n }\n}\n",
		"sink":     strings.Replace(login, "DIR/token", "DIR/locked/token", 1) + password(""),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Check(os.Mkdir(w.Path("locked"), 0o555))
			w.Write("agent.hcl", w.expand(text))
			for _, command := range [][]string{{"validate", "-host"}, {"agent"}} {
				p := withoutPrivileges(w, append(command, "-config="+w.Path("agent.hcl"))...)
				p.Ends(exitConfig)
				p.Says(`cannot write in .*locked.*: permission denied \(certagent runs as user 0, group 0; the directory is 0:0, mode 0555\)`)
			}
			if n := w.Asked("PUT", "/v1/") + w.Asked("GET", "/v1/"); n > 0 {
				t.Errorf("%d requests to Vault", n)
			}
		})
	}
}

// Files for another user need the privilege to give them away.
func TestHostCheckNamesAMissingPrivilege(t *testing.T) {
	w := newWorld(t)
	w.Write("agent.hcl", w.expand(login+password(`user = "root"`)))
	withoutPrivileges(w, "validate", "-host", "-config="+w.Path("agent.hcl")).Ends(exitOK)
	w.Write("agent.hcl", w.expand(login+password(`user = "nobody"`)))
	p := withoutPrivileges(w, "validate", "-host", "-config="+w.Path("agent.hcl"))
	p.Ends(exitConfig)
	p.Says(`may not give files to .*nobody`)
	p.Says(`CAP_CHOWN`)
}

// validate -host shows who can read the private keys.
func TestValidateHostShowsWhoCanReadTheKeys(t *testing.T) {
	w := newWorld(t)
	w.Write("agent.hcl", w.expand(login+webBlock("pki/web", "change_mode = \"noop\"\n group = \"nogroup\"\n perms = { key = \"0640\" }")))
	p := launch(w.T, w.Path(""), nil, "validate", "-host", "-config="+w.Path("agent.hcl"))
	p.Ends(exitOK)
	p.Says(`private key .*/web/tls\.key: mode 0640, readable by user \d+, group nogroup\n`)

	text := strings.NewReplacer("DIR/web/", "", `bundle "web" {`, "bundle \"web\" {\n directory = \"DIR/web\"").Replace(webBlock("pki/web", `change_mode = "noop"`))
	for perms, want := range map[string]string{
		"":                                    `directory .*/web: mode 0750, its files are readable at most by user \d+, group \d+; perms = { directory = "0755" } opens it\n`,
		"\n perms = { directory = \"0755\" }": `directory .*/web: mode 0755, every user can read the files in it that are readable by every user\n`,
	} {
		w.Write("agent.hcl", w.expand(login+strings.Replace(text, `change_mode`, strings.TrimSpace(perms)+"\n change_mode", 1)))
		p := launch(w.T, w.Path(""), nil, "validate", "-host", "-config="+w.Path("agent.hcl"))
		p.Ends(exitOK)
		p.Says(want)
		p.Says(`private key .*/web/tls\.key: mode 0600, readable by user \d+\n`)
	}
}

// A certificate that no program is told of expires in use.
func TestValidateWarnsOfACertificateWithoutAChange(t *testing.T) {
	const warning = `no change is configured: nothing will pick up the renewed certificate`
	for _, c := range []struct {
		name, text string
		warns      bool
	}{
		{"templates", login + certificate(once, ""), true},
		{"templates, noop", login + certificate(once, `change_mode = "noop"`), false},
		{"a change in one of them", login + certificate(once, "") + "template {\n contents = \"{{ with secret \\\"pki/issue/web\\\" \\\"common_name=example.test\\\" \\\"ttl=1h\\\" }}x{{ end }}\"\n destination = \"DIR/x\"\n command = [\"true\"]\n}\n", false},
		{"pkiCert", login + "template {\n contents = \"{{ with pkiCert \\\"pki/issue/web\\\" \\\"common_name=a\\\" }}{{ .Key }}{{ end }}\"\n destination = \"DIR/x\"\n}\n", true},
		{"a secret", login + password(""), false},
		{"a bundle", login + webBlock("pki/web", ""), true},
		{"a bundle, noop", login + webBlock("pki/web", `change_mode = "noop"`), false},
		{"a bundle with a command", login + webBlock("pki/web", `command = ["true"]`), false},
		{"a one-shot run", "exit_after_auth = true\n" + login + webBlock("pki/web", ""), false},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			w.Write("agent.hcl", w.expand(c.text))
			p := launch(w.T, w.Path(""), nil, "validate", "-config="+w.Path("agent.hcl"))
			p.Ends(exitOK)
			if got := strings.Contains(p.String(), warning); got != c.warns {
				t.Errorf("warns: %v; printed:\n%s", got, p)
			}
		})
	}
}
