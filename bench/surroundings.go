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

// surroundings says what was measured and on what, in a line.
func (b *bench) surroundings() string {
	var versions []string
	for _, a := range b.agents {
		versions = append(versions, a.name+" "+a.version())
	}
	return fmt.Sprintf("%s, on %d cores of %s/%s, files on %s. Medians of %d starts; bold is over the budget.",
		strings.Join(versions, ", "), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, fileSystem(b.dir), b.runs)
}

// calledVersion finds a version behind a program's own name. Behind it may be
// that of the Go compiler.
var calledVersion = regexp.MustCompile(`^(?i:certagent|vault|consul-template) (v?\d+\.\d+\.\d+[^\s,]*)`)

// version is what the agent calls itself.
func (a agent) version() string {
	for _, argument := range []string{"version", "-version"} {
		out, err := exec.Command(a.binary, argument).CombinedOutput()
		if found := calledVersion.FindSubmatch(out); err == nil && found != nil {
			return string(found[1])
		}
	}
	return "(devel)"
}

// fileSystem names the type of a directory's file system.
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
