// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certagent/certagent/agent"
	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// obstacles are what another user may put at a path, with what is said about it where
// a file is read.
var obstacles = []struct {
	name, says string
	put        func(path string) error
}{
	{"named pipe", "is a named pipe, not a regular file", func(path string) error { return syscall.Mkfifo(path, 0o644) }},
	{"link to a named pipe", "is a named pipe, not a regular file", func(path string) error {
		if err := syscall.Mkfifo(path+".pipe", 0o644); err != nil {
			return err
		}
		return os.Symlink(path+".pipe", path)
	}},
	{"sparse file of 60 GB", "too large: the limit is ", func(path string) error {
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			return err
		}
		return os.Truncate(path, 60<<30)
	}},
	{"link to an endless device", "is a device, not a regular file", func(path string) error { return os.Symlink("/dev/zero", path) }},
	{"socket", "is a socket, not a regular file", func(path string) error {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			return err
		}
		l.SetUnlinkOnClose(false)
		return l.Close()
	}},
	{"directory", "is a directory, not a regular file", func(path string) error { return os.Mkdir(path, 0o755) }},
}

// readers are configurations that read DIR/spool/f, which another user may write.
var readers = []struct {
	name, text string
	reported   bool // the agent says what is there
}{
	{"certificate of a bundle", strings.ReplaceAll(webBlock("pki/web", ""), "DIR/web/tls.crt", "DIR/spool/f"), false},
	{"key of a bundle", strings.ReplaceAll(webBlock("pki/web", ""), "DIR/web/tls.key", "DIR/spool/f"), false},
	{"bundle with a directory", strings.NewReplacer("DIR/web/tls.crt", "f", "DIR/web/tls.key", "g", `bundle "web" {`, "bundle \"web\" {\n directory = \"DIR/spool\"").Replace(webBlock("pki/web", "")), false},
	{"keystore", strings.NewReplacer(`cert = "DIR/web/tls.crt", key = "DIR/web/tls.key" }`, "pkcs12 = \"DIR/spool/f\" }\n password = { file = \"DIR/roleid\" }").Replace(webBlock("pki/web", "")), false},
	{"template's destination", strings.ReplaceAll(certificate(once, ""), "DIR/tls/tls.crt", "DIR/spool/f"), false},
	{"pkiCert's destination", "template {\n contents = \"{{ with pkiCert \\\"pki/issue/web\\\" \\\"common_name=example.test\\\" }}{{ .Cert }}{{ .Key }}{{ end }}\"\n destination = \"DIR/spool/f\"\n}\n", false},
	{"template's source", "template {\n source = \"DIR/spool/f\"\n destination = \"DIR/out\"\n}\n", true},
	{"template's file function", "template {\n contents = \"{{ file \\\"DIR/spool/f\\\" }}\"\n destination = \"DIR/out\"\n}\n", true},
}

// What others put at a path that one bundle reads stops neither the start, nor the
// other bundles, nor the end, and takes no memory.
func TestNothingAtAPathStopsTheAgent(t *testing.T) {
	for _, r := range readers {
		for _, o := range obstacles {
			t.Run(strings.ReplaceAll(r.name+", "+o.name, " ", "_"), func(t *testing.T) {
				w := newWorld(t)
				w.Check(os.Mkdir(w.Path("spool"), 0o755))
				w.Check(o.put(w.Path("spool/f")))
				text := w.expand(login + r.text + password(""))
				w.Write("agent.hcl", text)
				// 6 GB of address space, which a program in Go needs little of.
				p := launchProgram(t, w.Path(""), nil, "prlimit", "--as=6000000000", "certagent", "agent", "-config="+w.Path("agent.hcl"))
				if o.name == "directory" && !r.reported && !strings.Contains(r.name, "bundle with") {
					p.Ends(exitConfig) // as validate -host says
					return
				}
				if r.name == "template's source" && strings.HasPrefix(o.name, "sparse") {
					p.Ends(exitConfig) // as one that does not parse
					return
				}
				harness.Eventually(t, "the other bundle is published", func() bool {
					content, err := os.ReadFile(w.Path("password"))
					return err == nil && string(content) == "one"
				})
				if r.reported {
					p.Says(o.says)
				}
				began := time.Now()
				p.stop()
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("it ended after %v", took)
				}
			})
		}
	}
}

// In mid-flight: the file with Vault's CA becomes something else. Requests go on with
// the CA that was read before.
func TestCABecomesSomethingElse(t *testing.T) {
	for _, o := range obstacles {
		t.Run(strings.ReplaceAll(o.name, " ", "_"), func(t *testing.T) {
			w := newWorldWith(t, harness.ServerOptions{TLS: true})
			w.Check(os.WriteFile(w.Path("ca.crt"), w.CA, 0o644))
			p := w.start(strings.Replace(login, `"ADDRESS"`, "\"ADDRESS\"\n ca_cert = \"DIR/ca.crt\"\n", 1) + eager + password(""))
			p.Says(logmsg.AllPublished)
			w.Check(os.Remove(w.Path("ca.crt")))
			w.Check(o.put(w.Path("ca.crt")))
			p.Says(logmsg.TLSNotReloaded + `.*ca_cert: .*` + o.says)
			w.PutKV("app", map[string]any{"password": "two"})
			harness.Eventually(t, "requests go on", func() bool { return w.Read("password") == "two" })
			p.stop()
		})
	}
}

// Commands that read files end, within their time-out where they have one.
func TestNothingAtAPathStopsACommand(t *testing.T) {
	for _, o := range obstacles {
		t.Run(strings.ReplaceAll(o.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			w.Check(os.Mkdir(w.Path("spool"), 0o755))
			path := w.Path("spool/f")
			w.Check(o.put(path))
			w.Write("agent.hcl", w.expand(login+strings.Replace(password(""), "DIR/password", "DIR/spool/f", 1)))
			p := launch(t, w.Path(""), nil, "wait", "-timeout=0", "-config="+w.Path("agent.hcl"))
			p.Says(`/spool/f: ` + o.says)
			p.Ends(agent.ExitMissing)

			w.Write("agent.hcl", w.expand(login+"template {\n source = \"DIR/spool/f\"\n destination = \"DIR/out\"\n}\n"))
			p = launch(t, w.Path(""), nil, "validate", "-config="+w.Path("agent.hcl"))
			<-p.Ended()

			if o.name == "directory" {
				return
			}
			for _, command := range []string{"validate", "agent", "wait"} {
				p = launch(t, w.Path(""), nil, command, "-config="+path)
				p.Says(o.says)
				p.Ends(exitConfig)
			}
			p = launch(t, w.Path(""), []string{"VAULT_CACERT=" + path}, "agent", "-config="+w.Path("agent.hcl"))
			p.Says(o.says)
			p.Ends(exitConfig)
		})
	}
}

// A configuration may come from a shell: as standard input, or as <(…).
func TestConfigurationFromAPipe(t *testing.T) {
	shell, err := exec.LookPath("bash")
	if err != nil {
		harness.Missing(t, "bash: %v", err)
	}
	for name, script := range map[string]string{
		"standard input":       `cat agent.hcl | certagent validate -config=/dev/stdin`,
		"redirection":          `certagent validate -config=/dev/stdin <agent.hcl`,
		"process substitution": `certagent validate -config=<(cat agent.hcl)`,
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			w.Write("agent.hcl", w.expand(login+password("")))
			p := launchProgram(t, w.Path(""), nil, shell, "-c", script)
			p.Says(`DIR/password|/password`)
			p.Ends(0)
		})
	}
	t.Run("nothing", func(t *testing.T) {
		w := newWorld(t)
		p := launchProgram(t, w.Path(""), nil, shell, "-c", "certagent validate -config=/dev/stdin </dev/null")
		p.Says("nothing to read: what comes from a pipe can be read only once")
		p.Ends(exitConfig)
	})
}
