// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certagent/certagent/agent"
	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// asNobody starts a shell script as the user nobody.
func (w *world) asNobody(script string) *harness.Process {
	w.Helper()
	if os.Getuid() != 0 {
		harness.Missing(w.T, "needs root to start a process of another user")
	}
	w.openToAll()
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	return harness.StartGroup(w.T, cmd)
}

// openToAll lets every user enter the world's directory.
func (w *world) openToAll() {
	w.Helper()
	for dir := w.Path(""); strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		w.Check(os.Chmod(dir, 0o755))
	}
}

// Another user locks the directory, and every file in it that he can open: that stops
// neither the start nor a renewal, in whichever way files are published.
func TestLocksOfAnotherUserStopNothing(t *testing.T) {
	for _, how := range []string{"-x", "-s"} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t)
			for _, dir := range []string{"tls", "web"} {
				w.Check(os.Mkdir(w.Path(dir), 0o755))
			}
			text := login + eager + certificate(often, "") + strings.NewReplacer("DIR/web/", "", `bundle "web" {`, "bundle \"web\" {\n directory = \"DIR/web\"\n perms = { key = \"0600\", directory = \"0755\" }\n max_issues_per_hour = 1000", `"example.test"`, "\"example.test\"\n ttl = \"20s\"\n renew_before = \"19s\"").Replace(webBlock("pki/web", ""))
			lock := func() *harness.Process {
				holder := w.asNobody(w.expand(`cd DIR
for f in tls web tls/* tls/.[!.]* web/* web/..[!.]* web/.[!.]* web/*/*; do
  [ -r "$f" ] || continue
  flock -n ` + how + ` "$f" sleep 300 & n=$((n+1))
done
sleep 0.3; echo "holds $n"; wait`))
				holder.Says(`holds \d+`)
				return holder
			}
			end := func(p *harness.Process) { p.Signal(syscall.SIGKILL); <-p.Ended() }

			holder := lock() // before the start
			p := w.start(text)
			p.Says(logmsg.AllPublished)
			end(holder)
			holder = lock() // of what is there now
			defer end(holder)
			first, second := w.Read("tls/tls.crt"), w.Read("web/tls.crt")
			harness.Eventually(t, "both are renewed", func() bool { return w.Read("tls/tls.crt") != first && w.Read("web/tls.crt") != second })
			p.stop()
			if n := p.Count("locked by"); n > 0 {
				t.Errorf("%d lines say that something is locked", n)
			}
		})
	}
}

// The second agent on the same files names the first one.
func TestSecondAgentNamesTheFirst(t *testing.T) {
	for name, text := range map[string]string{
		"templates": password(""),
		"directory": strings.NewReplacer("DIR/web/", "", `bundle "web" {`, "bundle \"web\" {\n directory = \"DIR/web\"").Replace(webBlock("pki/web", "")),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			first := w.start(login + text)
			first.Says(logmsg.AllPublished)
			other := w.start(login + `pid_file = "DIR/unrelated.pid"` + strings.Replace(password(""), "DIR/password", "DIR/another", 1)) // same directory
			other.Says(logmsg.AllPublished)
			second := w.start(login + text)
			second.Says(`another process publishes here: process ` + strconv.Itoa(first.PID()) + ` \(certagent\)"`)
			second.Ends(agent.ExitPublish)
			for _, p := range []*process{other, first} {
				p.Signal(syscall.SIGTERM)
				p.Ends(0)
			}
			third := w.start(login + text)
			third.Says(logmsg.AllPublished)
			third.stop()
		})
	}
}

// A directory that does not exist at the start is claimed once it does; one that is
// replaced is claimed again.
func TestDirectoryThatComesLaterIsClaimed(t *testing.T) {
	w := newWorld(t)
	text := login + eager + strings.ReplaceAll(password("create_dest_dirs = false"), "DIR/password", "DIR/later/password")
	first := w.start(text)
	first.Says(logmsg.PublishFailed)
	w.Check(os.Mkdir(w.Path("later"), 0o755))
	first.Says(logmsg.AllPublished)
	refused := func() {
		t.Helper()
		second := w.start(text)
		second.Says(`another process publishes here: process ` + strconv.Itoa(first.PID()))
		second.Ends(agent.ExitPublish)
	}
	refused()

	w.Check(os.Rename(w.Path("later"), w.Path("before")))
	w.Check(os.Mkdir(w.Path("later"), 0o755))
	w.PutKV("app", map[string]any{"password": "two"})
	harness.Eventually(t, "it is published there", func() bool {
		content, err := os.ReadFile(w.Path("later/password"))
		return err == nil && string(content) == "two"
	})
	refused()
	first.Says(logmsg.DirectoryReplaced + ` .*destination=.*/later\n`)
	first.stop()
}

// A file system on which an agent runs can be remounted read-only: the agent holds no
// file open for writing.
func TestRemountReadOnly(t *testing.T) {
	w := newWorld(t)
	dir := w.Path("mnt")
	w.Check(os.Mkdir(dir, 0o755))
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=1m"); err != nil {
		harness.Missing(t, "cannot mount: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	p := w.start(login + strings.ReplaceAll(password(""), "DIR/password", "DIR/mnt/password"))
	p.Says(logmsg.AllPublished)
	var err error
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if err = syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err == nil {
			break
		}
	}
	if err != nil {
		t.Errorf("remounting: %v", err)
	}
	w.Check(syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT, ""))
	p.stop()
}
