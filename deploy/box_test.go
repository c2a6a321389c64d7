// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/internal/harness"
)

// box is what a container runtime makes of an image: a directory that becomes
// the root of a process that is number 1 there and sees nothing else.
type box struct {
	Root     string  // the directory; nothing of it is changed but by Mounts
	Mounts   []mount // in their order
	Writable bool    // the root itself may be written to
	UID      int     // of the process, and of its group; nobody needs to know it
	Args     []string
	Env      []string
	Network  bool // its own, with nothing but a loopback interface
	// Pod, if not 0, is a process whose processes and network the box shares, as
	// the containers of a pod share those of its first.
	Pod int
	// Cgroup, if there is one, is a directory of the cgroup tree that the box
	// is in, and sees as the root of that tree.
	Cgroup string
	// Keep are the capabilities that stay for a UID of 0; others have none.
	Keep []uintptr
}

// mount is something that is seen in a box. Its target is made if need be.
type mount struct {
	Kind   string // bind, bind-ro, tmpfs, proc, sysfs, cgroup2 or devpts
	Source string // for bind and bind-ro
	Target string
	Mode   string // for tmpfs, which belongs to UID
}

const boxVariable = "CERTAGENT_TEST_BOX"

// start starts the box's process. Root makes the box as runtimes do, anybody
// else in a user namespace, where there is only one user.
func (b box) start(t *testing.T) *process {
	t.Helper()
	text, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	cmd := &exec.Cmd{
		Path: "/proc/self/exe", Args: b.Args, // these are its name in messages
		Env:         append([]string{boxVariable + "=" + string(text)}, b.Env...),
		SysProcAttr: b.attributes(),
	}
	// It is the box that dies with the thread: see boxInit.
	p, err := harness.StartOn(t, cmd, func() error { return joinPod(b.Pod) })
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		t.Skipf("namespaces cannot be made here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &process{t, p}
}

// joinPod puts the thread, or what it starts, into the namespaces of a pod.
func joinPod(pid int) error {
	if pid == 0 {
		return nil
	}
	for name, kind := range map[string]int{"net": unix.CLONE_NEWNET, "pid": unix.CLONE_NEWPID} {
		file, err := os.Open(fmt.Sprintf("/proc/%d/ns/%s", pid, name))
		if err != nil {
			return err
		}
		defer file.Close()
		if err := unix.Setns(int(file.Fd()), kind); err != nil {
			return err
		}
	}
	return nil
}

func (b box) attributes() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
	}
	if b.Pod == 0 {
		a.Cloneflags |= unix.CLONE_NEWPID
	}
	if b.Network {
		a.Cloneflags |= unix.CLONE_NEWNET
	}
	if os.Geteuid() != 0 {
		a.Cloneflags |= unix.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: b.UID, HostID: os.Geteuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: b.UID, HostID: os.Getegid(), Size: 1}}
		a.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN} // over the start of the test binary
	}
	return a
}

// hostPrograms are the mounts that let programs of this machine run in a box.
func hostPrograms() []mount {
	mounts := []mount{{Kind: "bind-ro", Source: "/usr", Target: "/usr"}}
	for _, dir := range []string{"/bin", "/sbin", "/lib", "/lib64"} {
		if path, err := filepath.EvalSymlinks(dir); err == nil {
			mounts = append(mounts, mount{Kind: "bind-ro", Source: path, Target: dir})
		}
	}
	return mounts
}

// devices are the mounts of those that every box has, and of more.
func devices(more ...string) (mounts []mount) {
	for _, device := range append(more, "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom") {
		mounts = append(mounts, mount{Kind: "bind", Source: device, Target: device})
	}
	return mounts
}
