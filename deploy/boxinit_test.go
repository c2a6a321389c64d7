// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func isBoxInit() bool { return os.Getenv(boxVariable) != "" }

// boxInit turns this process into the box's: what a container runtime does
// between clone and exec. It does not return.
func boxInit() {
	// Its steps are those of one thread: not everything they change is common
	// to all threads.
	runtime.LockOSThread()
	var b box
	err := json.Unmarshal([]byte(os.Getenv(boxVariable)), &b)
	for _, step := range []func() error{b.enterCgroup, b.raiseLoopback, b.mount, b.changeRoot, b.dropPrivileges, b.exec} {
		if err == nil {
			err = step()
		}
	}
	fmt.Fprintln(os.Stderr, "box:", err)
	os.Exit(125)
}

func (b box) enterCgroup() error {
	if b.Cgroup == "" {
		return nil
	}
	if err := os.WriteFile(filepath.Join(b.Cgroup, "cgroup.procs"), []byte("0"), 0); err != nil {
		return err
	}
	return unix.Unshare(unix.CLONE_NEWCGROUP)
}

// raiseLoopback sets the interface lo up, as ip link set lo up does.
func (b box) raiseLoopback() error {
	if !b.Network {
		return nil
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCSIFFLAGS, uintptr(unsafe.Pointer(request))); errno != 0 {
		return fmt.Errorf("setting lo up: %w", errno)
	}
	return nil
}

func (b box) mount() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := unix.Mount(b.Root, b.Root, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("binding the root: %w", err)
	}
	for _, m := range b.Mounts {
		if err := m.attach(b); err != nil {
			return fmt.Errorf("mounting %s: %w", m.Target, err)
		}
	}
	if b.Writable {
		return nil
	}
	return readOnly(b.Root)
}

func (m mount) attach(b box) error {
	target := filepath.Join(b.Root, m.Target)
	if err := m.makeTarget(target); err != nil {
		return err
	}
	switch m.Kind {
	case "bind":
		return unix.Mount(m.Source, target, "", unix.MS_BIND|unix.MS_REC, "")
	case "bind-ro":
		if err := unix.Mount(m.Source, target, "", unix.MS_BIND, ""); err != nil {
			return err
		}
		return readOnly(target)
	case "tmpfs":
		data := "mode=" + m.Mode + ",uid=" + strconv.Itoa(b.UID) + ",gid=" + strconv.Itoa(b.UID)
		return unix.Mount("tmpfs", target, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, data)
	case "sysfs":
		return unix.Mount("sysfs", target, "sysfs", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	case "devpts":
		// Programs look for /dev/ptmx.
		if err := os.Symlink("pts/ptmx", filepath.Join(filepath.Dir(target), "ptmx")); err != nil {
			return err
		}
		return unix.Mount("devpts", target, "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620")
	case "proc", "cgroup2":
		return unix.Mount(m.Kind, target, m.Kind, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	}
	return fmt.Errorf("unknown kind %q", m.Kind)
}

// makeTarget makes the directory to mount on, or the file for a bind of a file.
func (m mount) makeTarget(target string) error {
	if _, err := os.Stat(target); err == nil {
		return nil
	}
	info, err := os.Stat(m.Source)
	if strings.HasPrefix(m.Kind, "bind") && err == nil && !info.IsDir() {
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, nil, 0o644)
	}
	return os.MkdirAll(target, 0o755)
}

// readOnly makes a mount read-only, and keeps those of its flags that a user
// namespace must not clear.
func readOnly(target string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(target, &fs); err != nil {
		return err
	}
	keep := uintptr(fs.Flags) & (unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_RELATIME)
	return unix.Mount("", target, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|keep, "")
}

// changeRoot leaves nothing of the old root behind.
func (b box) changeRoot() error {
	if err := unix.Chdir(b.Root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return err
	}
	// systemd expects this of what it runs in.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return err
	}
	return unix.Chdir("/")
}

func (b box) dropPrivileges() error {
	for capability := range uintptr(unix.CAP_LAST_CAP + 1) {
		if !slices.Contains(b.Keep, capability) {
			_ = unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0) // the kernel may not know it, or we not have it
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return err
	}
	if os.Geteuid() == 0 && b.UID != 0 {
		if err := syscall.Setgroups(nil); err != nil {
			return err
		}
		if err := syscall.Setresgid(b.UID, b.UID, b.UID); err != nil {
			return err
		}
		if err := syscall.Setresuid(b.UID, b.UID, b.UID); err != nil {
			return err
		}
	}
	// It was cleared with the change of the user.
	return unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)
}

func (b box) exec() error {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, boxVariable+"=") })
	path, err := exec.LookPath(b.Args[0])
	if err != nil {
		return err
	}
	return syscall.Exec(path, b.Args, env)
}
