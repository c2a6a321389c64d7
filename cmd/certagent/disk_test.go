// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// ailment is something wrong with the file system that files are published to.
type ailment struct {
	name        string
	begin, heal func(w *world, dir string)
	want        string
}

var ailments = []ailment{
	{"full disk", fill, func(w *world, dir string) { w.Check(os.Remove(filepath.Join(dir, "ballast"))) }, `no space left on device`},
	{"read-only file system", mountReadOnly, unmount, `read-only file system`},
	{"immutable directory", chattr("+i"), chattr("-i"), `operation not permitted`},
}

// fill writes until nothing more fits.
func fill(w *world, dir string) {
	w.Helper()
	f, err := os.Create(filepath.Join(dir, "ballast"))
	w.Check(err)
	defer f.Close()
	if _, err := io.Copy(f, zeros{}); !errors.Is(err, syscall.ENOSPC) {
		w.Fatalf("filling %s: %v", dir, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// mountReadOnly covers the directory with a read-only view of itself. (A
// remount of what is there would fail: the agent holds a lock open in it.)
func mountReadOnly(w *world, dir string) {
	w.Helper()
	w.Check(syscall.Mount(dir, dir, "", syscall.MS_BIND, ""))
	w.Check(syscall.Mount("", dir, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
}

func unmount(w *world, dir string) {
	w.Helper()
	w.Check(syscall.Unmount(dir, 0))
}

func chattr(flag string) func(w *world, dir string) {
	return func(w *world, dir string) {
		w.Helper()
		if out, err := exec.Command("chattr", flag, dir).CombinedOutput(); err != nil {
			w.Skipf("chattr %s: %v: %s", flag, err, out)
		}
	}
}

// mount puts a small file system where certificates are published. The test is
// skipped where that is not allowed.
func (w *world) mount() (dir string) {
	w.Helper()
	dir = w.Path("tls")
	w.Check(os.Mkdir(dir, 0o755))
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k")
	if errors.Is(err, syscall.EPERM) {
		w.Skip("mounting a file system needs root: this test was not run")
	}
	w.Check(err)
	w.Cleanup(func() {
		_ = exec.Command("chattr", "-i", dir).Run() // it is not immutable any more if the test went well
		for syscall.Unmount(dir, syscall.MNT_DETACH) == nil {
		}
	})
	return dir
}

func TestDiskAtRenewal(t *testing.T) {
	for _, a := range ailments {
		t.Run(strings.ReplaceAll(a.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			dir := w.mount()
			p := w.start(login + eager + certificate(often, `command = ["sh", "-c", "echo changed >> DIR/changes"]`))
			p.Says(logmsg.ChangeDone)
			a.begin(w, dir)
			p.Says(logmsg.PublishFailed + `.*` + a.want)
			before, changes := w.snapshot(published...), w.Read("changes")
			p.SaysTimes(`publish failed`, 3)
			before.same()
			w.leaf()
			if w.Read("changes") != changes {
				t.Error("there was a reaction although nothing was published")
			}
			p.Alive()
			a.heal(w, dir)
			harness.Eventually(t, "another certificate", func() bool { return w.Read("tls/tls.crt") != string(before.texts[1]) })
			harness.Eventually(t, "a reaction to it", func() bool { return w.Read("changes") != changes })
			p.stop()
			w.leaf()
		})
	}
}

func TestDiskAtStart(t *testing.T) {
	for _, a := range ailments {
		t.Run(strings.ReplaceAll(a.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			dir := w.mount()
			a.begin(w, dir)
			p := w.start(login + certificate(once, ""))
			p.SaysTimes(logmsg.PublishFailed+`.*`+a.want, 2)
			p.Alive()
			a.heal(w, dir)
			p.Says(logmsg.AllPublished)
			p.stop()
			w.leaf()
			if n := w.Asked("", "/v1/pki/issue/"); n != 1 {
				t.Errorf("%d certificates were asked for, want 1: a disk is no reason to ask Vault again", n)
			}
		})
	}
}

func TestDiskWithExitOnRetryFailure(t *testing.T) {
	w := newWorld(t)
	dir := w.mount()
	fill(w, dir)
	text := strings.Replace(login, `address = "ADDRESS"`, "address = \"ADDRESS\"\n  retry { num_retries = 1 }\n", 1)
	p := w.start(text + "template_config { exit_on_retry_failure = true }\n" + certificate(once, ""))
	p.Says(logmsg.ExitingOnError + ` error=".*no space left on device`)
	p.Ends(6)
}

// A destination below something that is no directory cannot be written by
// anybody, root or not.
func TestDestinationBelowAFile(t *testing.T) {
	w := newWorld(t)
	w.Write("tls", "not a directory")
	p := w.start(login + certificate(once, "") + password(""))
	p.Says(`failed; keeping the files on disk.*tls.crt.*not a directory`)
	harness.Eventually(t, "the other bundle", func() bool { return w.Read("password") == "one" })
	w.Check(os.Remove(w.Path("tls")))
	p.Says(logmsg.AllPublished)
	p.stop()
	w.leaf()
}
