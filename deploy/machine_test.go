// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"context"
	"crypto/rand"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/internal/harness"
)

// machine is a system that systemd runs, in a box with a root, a network and
// users of its own. Nothing of this machine can be written to from in there, and
// of the units of this machine's systemd it has the targets only.
type machine struct {
	*testing.T
	network
	root   string // as seen from here
	init   *process
	log    *harness.Transcript // systemd's own
	enter  string              // nsenter
	server *world
	mounts []mount // besides those that every machine has
}

// bootMachine boots one that has the files of the directory systemd where their
// comments say, and a server at 127.0.0.1:8200. It may be changed before.
func bootMachine(t *testing.T, w *world, change func(*machine)) *machine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can boot a system")
	}
	m := &machine{T: t, root: t.TempDir(), enter: harness.Program(t, "nsenter"), server: w}
	const systemd = "/usr/lib/systemd/systemd"
	if _, err := os.Stat(systemd); err != nil {
		harness.Missing(t, "systemd is not installed: %v", err)
	}
	m.furnish()
	m.installUnits()
	m.readLog()
	change(m)
	b := box{
		Root: m.root, Writable: true, Network: true, Cgroup: newCgroup(t), Keep: machineCapabilities,
		Mounts: slices.Concat(hostLibraries(t), kernelMounts(m.root), m.mounts),
		Args:   []string{systemd, "--system", "--unit=multi-user.target", "--log-target=kmsg"},
		Env:    []string{"container=test", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
	}
	m.init = b.start(t)
	t.Cleanup(m.report)
	m.network = network{T: t, pid: m.init.PID()}
	m.network.serve(w)
	harness.Eventually(t, "systemd has started", func() bool {
		if !m.init.Running() {
			t.Fatalf("systemd ended: %v\n%s", m.init.State(), m.init)
		}
		state, _ := m.systemctl("is-system-running")
		return state == "running\n" || state == "degraded\n"
	})
	return m
}

// machineCapabilities are those that systemd and its sandboxes need. What could
// reach out of the box is not among them: modules, clock, raw devices, reboot.
var machineCapabilities = []uintptr{
	unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_KILL,
	unix.CAP_SETGID, unix.CAP_SETUID, unix.CAP_SETPCAP, unix.CAP_NET_BIND_SERVICE, unix.CAP_NET_ADMIN, unix.CAP_SYS_CHROOT,
	unix.CAP_SYS_PTRACE, unix.CAP_SYS_ADMIN, unix.CAP_SYS_RESOURCE, unix.CAP_MKNOD, unix.CAP_SETFCAP,
}

// hostLibraries are the mounts with which dynamically linked programs start.
func hostLibraries(t *testing.T) []mount {
	t.Helper()
	empty := t.TempDir()
	targets := t.TempDir()
	copyTargets(t, targets)
	mounts := []mount{
		{Kind: "bind-ro", Source: "/usr/lib", Target: "/usr/lib"},
		{Kind: "bind-ro", Source: "/usr/sbin", Target: "/usr/sbin"},
		{Kind: "bind-ro", Source: targets, Target: "/usr/lib/systemd/system"},
	}
	if info, err := os.Stat("/usr/lib64"); err == nil && info.IsDir() {
		mounts = append(mounts, mount{Kind: "bind-ro", Source: "/usr/lib64", Target: "/usr/lib64"})
	}
	generators, err := filepath.Glob("/usr/lib/systemd/system*-generators")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range generators {
		mounts = append(mounts, mount{Kind: "bind-ro", Source: empty, Target: dir})
	}
	return mounts
}

// kernelMounts are the file systems of the kernel, without what is not the
// box's own.
func kernelMounts(root string) []mount {
	mounts := []mount{
		{Kind: "proc", Target: "/proc"},
		{Kind: "bind-ro", Source: filepath.Join(root, "proc/sys"), Target: "/proc/sys"},
		{Kind: "sysfs", Target: "/sys"},
		{Kind: "cgroup2", Target: "/sys/fs/cgroup"},
		{Kind: "tmpfs", Target: "/dev", Mode: "0755"},
		{Kind: "devpts", Target: "/dev/pts"},
		{Kind: "tmpfs", Target: "/run", Mode: "0755"},
		{Kind: "tmpfs", Target: "/tmp", Mode: "1777"},
		{Kind: "bind", Source: filepath.Join(root, "log"), Target: "/dev/kmsg"},
	}
	if _, err := os.Stat("/proc/sysrq-trigger"); err == nil {
		mounts = append(mounts, mount{Kind: "bind-ro", Source: filepath.Join(root, "proc/sysrq-trigger"), Target: "/proc/sysrq-trigger"})
	}
	return append(mounts, devices("/dev/tty")...)
}

// newCgroup makes a cgroup, which is removed when the test has ended.
func newCgroup(t *testing.T) string {
	t.Helper()
	for l := range strings.Lines(harness.ReadFile(t, "/proc/mounts")) {
		if fields := strings.Fields(l); fields[2] == "cgroup2" {
			dir := filepath.Join(fields[1], "certagent-test-"+rand.Text())
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Skipf("no cgroup can be made here: %v", err)
			}
			t.Cleanup(func() { removeCgroup(t, dir) })
			return dir
		}
	}
	t.Skip("there is no cgroup2 file system")
	return ""
}

// removeCgroup removes it with those below. Those who were in it have been
// killed, but may still be ending.
func removeCgroup(t *testing.T, dir string) {
	harness.Eventually(t, "the cgroup is empty", func() bool {
		var dirs []string
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return err
		})
		for i := len(dirs) - 1; i >= 0 && err == nil; i-- {
			err = os.Remove(dirs[i])
		}
		return err == nil
	})
}

// readLog collects what systemd writes to what it takes for the kernel's log.
func (m *machine) readLog() {
	m.Helper()
	path := m.path("log")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		m.Fatal(err)
	}
	pipe, err := os.OpenFile(path, os.O_RDWR, 0) // for writing as well, so that it never ends
	if err != nil {
		m.Fatal(err)
	}
	m.log = harness.NewTranscript(m)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(m.log, pipe) // until it is closed
	}()
	m.Cleanup(func() {
		pipe.Close()
		<-done
	})
}

// report tells of a failed test what the machine knows.
func (m *machine) report() {
	if !m.Failed() || !m.init.Running() {
		return
	}
	status, err := m.systemctl("status", "--no-pager", "--full", "--all", "certagent*", "nginx*")
	m.Logf("%s%v\n%s", status, err, m.log)
	logs, _ := filepath.Glob(m.path("/var/log/*.log")) // the pattern is right
	for _, log := range logs {
		m.Logf("%s:\n%s", log, harness.ReadFile(m.T, log))
	}
}

// path is where a path of the machine is from here.
func (m *machine) path(p string) string { return filepath.Join(m.root, p) }

// systemctl runs systemctl in the machine.
func (m *machine) systemctl(args ...string) (string, error) {
	pid := strconv.Itoa(m.init.PID())
	ctx, cancel := context.WithTimeout(context.Background(), harness.Patience) // the test's own ends before its clean-up
	defer cancel()
	cmd := exec.CommandContext(ctx, m.enter, append([]string{"--target=" + pid, "--mount", "--pid", "--net", "--ipc", "--uts", "/usr/bin/systemctl"}, args...)...)
	cmd.WaitDelay = time.Second // nsenter, which is killed, waits for systemctl, which is not
	cmd.Env = []string{"PATH=/usr/bin:/bin", "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0"}
	return output(cmd)
}

// do runs systemctl, which must succeed.
func (m *machine) do(args ...string) {
	m.Helper()
	if out, err := m.systemctl(args...); err != nil {
		m.Fatalf("systemctl %q: %v\n%s", args, err, out)
	}
}

// show is a property of a unit.
func (m *machine) show(unit, property string) string {
	m.Helper()
	text, err := m.systemctl("show", "--value", "--property="+property, unit)
	if err != nil {
		m.Fatal(err)
	}
	return strings.TrimSpace(text)
}
