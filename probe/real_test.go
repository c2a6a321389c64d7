// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/probe"
)

// nobody runs the servers that refuse to be run by root.
const nobody = 65534

// program finds a program of a Debian package. Without it the test is skipped,
// or fails if "make tools" installs it and it is required.
func program(t *testing.T, name, debian string, installed bool) string {
	t.Helper()
	places := filepath.SplitList(os.Getenv("PATH"))
	for _, place := range append(places, "/usr/sbin", "/sbin", "/usr/lib/postgresql/15/bin") {
		path, err := exec.LookPath(filepath.Join(place, name))
		if err == nil {
			return path
		}
	}
	if installed && harness.Required() {
		t.Fatalf("%s is required (install it with: make tools)", name)
	}
	t.Skipf("%s is not installed (Debian's package %s)", name, debian)
	return ""
}

// home is a directory for a server: its configuration, its data, and the pair
// that it serves.
type home struct {
	*testing.T
	dir string
	uid int // who owns what is in it and runs the server; 0 is whoever we are
}

// newHome makes one, in a place that others can reach and whose name leaves
// room for a socket's.
func newHome(t *testing.T, uid int) home {
	t.Helper()
	dir, err := os.MkdirTemp("", "probe")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	h := home{T: t, dir: dir}
	if os.Getuid() == 0 {
		h.uid = uid
	}
	h.own(dir, 0o755)
	return h
}

func (h home) path(name string) string { return filepath.Join(h.dir, name) }

func (h home) own(path string, mode os.FileMode) {
	h.Helper()
	if err := os.Chmod(path, mode); err != nil {
		h.Fatal(err)
	}
	if h.uid != 0 {
		if err := os.Chown(path, h.uid, h.uid); err != nil {
			h.Fatal(err)
		}
	}
}

// write replaces a file by one with another inode, as publishing does.
func (h home) write(name, content string) {
	h.Helper()
	temp := h.path("." + name)
	if err := os.WriteFile(temp, []byte(content), 0o600); err != nil {
		h.Fatal(err)
	}
	h.own(temp, 0o600)
	if err := os.Rename(temp, h.path(name)); err != nil {
		h.Fatal(err)
	}
}

// pair writes a certificate and its key to name.crt, name.key and, both in one,
// name.pem.
func (h home) pair(name string, c tls.Certificate) {
	h.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		h.Fatal(err)
	}
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	cert := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))
	h.write(name+".key", key)
	h.write(name+".crt", cert)
	h.write(name+".pem", cert+key)
}

// configure writes a file in which @DIR@ stands for the home and other words
// for what the pairs say.
func (h home) configure(name, text string, pairs ...string) {
	h.Helper()
	h.write(name, strings.NewReplacer(append(pairs, "@DIR@", h.dir)...).Replace(text))
}

func (h home) command(args ...string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = h.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if h.uid != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(h.uid), Gid: uint32(h.uid)}
	}
	return cmd
}

// run runs a command to its end.
func (h home) run(args ...string) {
	h.Helper()
	if output, err := h.command(args...).CombinedOutput(); err != nil {
		h.Fatalf("%s: %v\n%s", args[0], err, output)
	}
}

// start starts a server. stop ends it, with all of its processes; so does the
// end of the test.
func (h home) start(args ...string) (server *os.Process, stop func()) {
	h.Helper()
	cmd := h.command(args...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		h.Fatal(err)
	}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		// Politely, so that it takes its shared memory along.
		_ = cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		kill.Stop()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if h.Failed() {
			h.Logf("%s said:\n%s", args[0], output.String())
		}
	}
	h.Cleanup(stop)
	return cmd.Process, stop
}

// signal sends one.
func (h home) signal(p *os.Process, s syscall.Signal) {
	h.Helper()
	if err := p.Signal(s); err != nil {
		h.Error(err)
	}
}

// logged waits until a log holds the words.
func (h home) logged(name, words string) {
	h.Helper()
	ctx := within(h.T)
	for {
		text, _ := os.ReadFile(h.path(name)) // there is none at first
		if strings.Contains(string(text), words) {
			return
		}
		if ctx.Err() != nil {
			h.Fatalf("%q is not in %s:\n%s", words, name, text)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// refused asks until the target's error says so, which that of a server that is
// starting or reloading does not yet.
func refused(t *testing.T, target probe.Target, want string) {
	t.Helper()
	ctx := within(t)
	for {
		leaf, err := probe.Leaf(ctx, target)
		if err != nil && strings.Contains(err.Error(), want) {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("got %v, %v, want: %s", leaf, err, want)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
