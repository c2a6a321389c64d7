// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// environment returns the versions and the machine in one line.
func (b *bench) environment() string {
	var versions []string
	for _, a := range b.agents {
		versions = append(versions, a.name+" "+a.version())
	}
	return fmt.Sprintf("%s, on %d cores of %s/%s, files on %s. Medians of %d starts; bold: over the budget.",
		strings.Join(versions, ", "), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, fileSystem(b.dir), b.runs)
}

// calledVersion matches a version after the name of the program. The output may
// also contain the version of Go.
var calledVersion = regexp.MustCompile(`^(?i:certagent|vault|consul-template) (v?\d+\.\d+\.\d+[^\s,]*)`)

// version returns the version that the agent prints.
func (a agent) version() string {
	for _, argument := range []string{"version", "-version"} {
		out, err := exec.Command(a.binary, argument).CombinedOutput()
		if found := calledVersion.FindSubmatch(out); err == nil && found != nil {
			return string(found[1])
		}
	}
	return "(devel)"
}

// fileSystem returns the name of a directory's file system type.
func fileSystem(dir string) string {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return "an unknown file system"
	}
	switch st.Type {
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.TMPFS_MAGIC:
		return "tmpfs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlayfs"
	}
	return fmt.Sprintf("file system %#x", st.Type)
}
