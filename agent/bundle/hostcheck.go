// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/exec"
	"github.com/certagent/certagent/sinks"
)

// CheckHost checks whether this host has what members and token sinks need: owners, directories
// that this process may write in, and what the changes refer to. What cannot work is
// an error. What may come later, such as a pid file or a mount, is a warning. In
// each directory it creates an empty file and removes it again.
func (all *Members) CheckHost(sinks []config.Sink) config.Problems {
	h := &hostCheck{directories: make(map[string]bool), files: make(map[string]string)}
	for _, s := range sinks {
		h.sink(s)
	}
	for i, m := range all.templates {
		h.place(m.pos, m.title(""))
		if m.variable == "" {
			h.owner(m.owner)
			h.file(m.file)
			h.exposed(m.file.Path, m.owner)
			h.change(all.reactions[i].Change)
		}
	}
	for _, b := range all.blocks {
		h.block(b)
	}
	return h.found
}

// hostCheck collects what CheckHost finds.
type hostCheck struct {
	directories map[string]bool   // that have been checked
	files       map[string]string // the destinations, by their path without links
	found       config.Problems
	pos         config.Pos // of the block that is being checked
	title       string
}

func (h *hostCheck) place(pos config.Pos, title string) { h.pos, h.title = pos, title }

func (h *hostCheck) report(kind config.Kind, name, message, hint string) {
	h.found = append(h.found, config.Problem{Kind: kind, Pos: h.pos, Block: h.title, Name: name, Message: message, Hint: hint})
}

func (h *hostCheck) block(b block) {
	h.place(b.config.Pos, b.title())
	if b.config.Directory != "" {
		h.owner(owner{b.config.User, b.config.Group})
		h.directory(filepath.Join(config.Absolute(b.config.Directory), "certagent-check"), true)
		h.exposed(filepath.Join(config.Absolute(b.config.Directory), "certagent-check"), owner{b.config.User, b.config.Group})
	}
	h.change(&b.config.Change)
	if c := b.config.Check; c != nil {
		h.command("check: command", c.Command)
	}
	if v := b.config.Verify; v != nil {
		h.readable("verify: client_cert", v.ClientCert)
		h.readable("verify: client_key", v.ClientKey)
		if v.Fallback != nil {
			h.change(v.Fallback)
		}
	}
	for _, m := range b.templates {
		h.place(m.pos, m.title(b.title()))
		h.owner(m.owner)
		h.member(b, m.owner, m.file)
	}
	for _, m := range b.certificates {
		h.place(m.pos, within(b.title(), "certificate "+strconv.Quote(m.name)))
		h.owner(m.owner)
		for _, o := range m.outputs {
			h.member(b, m.owner, o.file)
		}
	}
}

// member checks a file of a bundle. In the bundle's directory it is a link.
func (h *hostCheck) member(b block, o owner, f sinks.File) {
	if b.config.Directory == "" {
		h.file(f)
		h.exposed(f.Path, o)
		return
	}
	if name, err := filepath.Rel(config.Absolute(b.config.Directory), f.Path); err == nil {
		first, _, _ := strings.Cut(name, "/")
		h.once(filepath.Join(config.Absolute(b.config.Directory), first))
	}
	h.mountPoint(f.Path)
}

// once reports a destination that is the same file as another one, because a link leads
// from one directory to the other: the two would replace each other.
func (h *hostCheck) once(path string) {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return // it does not exist yet
	}
	real := filepath.Join(dir, filepath.Base(path))
	if other, is := h.files[real]; is && other != path {
		h.report(config.StartError, "destination", fmt.Sprintf("%q is the same file as %q: a link leads from one directory to the other", path, other), "give each destination a path of its own")
		return
	}
	h.files[real] = path
}

// file checks a destination.
func (h *hostCheck) file(f sinks.File) {
	h.once(f.Path)
	if info, err := os.Stat(f.Path); err == nil && info.IsDir() {
		h.report(config.StartError, "destination", strconv.Quote(f.Path)+" is a directory", "write the path of a file in it")
		return
	}
	if !h.mountPoint(f.Path) {
		h.directory(f.Path, f.CreateDirs)
	}
}

// sink checks the file of a token sink. Vault Agent does not start either if its
// directory does not exist.
func (h *hostCheck) sink(s config.Sink) {
	h.place(s.Pos, `auto_auth: sink "file"`)
	h.readable("dh_path", s.DHPath)
	if !mayChown(s.UID, s.GID) {
		h.report(config.StartError, "owner", fmt.Sprintf("certagent runs as user %d, which may not give the token to user %d, group %d", os.Geteuid(), s.UID, s.GID), chownHint)
	}
	path := config.Absolute(s.Path)
	h.once(path)
	if h.mountPoint(path) {
		return
	}
	err := sinks.CheckDestination(path, false)
	switch {
	case err == nil, errors.Is(err, sinks.ErrExposed):
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		h.report(config.Warning, "path", err.Error(), hintOf(err))
	case errors.Is(err, fs.ErrNotExist):
		h.report(config.StartError, "path", err.Error(), "create the directory: certagent does not, as Vault Agent does not")
	default:
		h.report(config.StartError, "path", unwritable(filepath.Dir(path), err), hintOf(err))
	}
}

// mountPoint reports a file that is mounted by itself: it cannot be replaced.
func (h *hostCheck) mountPoint(path string) bool {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, 0, &st)
	if err != nil || st.Attributes_mask&st.Attributes&unix.STATX_ATTR_MOUNT_ROOT == 0 || st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return false
	}
	h.report(config.StartError, "destination", strconv.Quote(path)+" is a mount point and cannot be replaced", "mount the directory that contains it instead")
	return true
}

// directory checks whether this process may write in the directory of a file. Only a
// missing permission is an error. A directory that is missing may be mounted later,
// and a file system that is full or read-only does not keep an agent from starting
// whose files are still valid: publishing is retried.
func (h *hostCheck) directory(path string, create bool) {
	dir := filepath.Dir(path)
	if h.directories[dir] {
		return
	}
	h.directories[dir] = true
	_, missing := os.Stat(dir)
	err := sinks.CheckDestination(path, create)
	kind := config.Warning
	switch {
	case err == nil, errors.Is(err, sinks.ErrExposed):
		return
	case errors.Is(err, sinks.ErrForeignLink):
		h.report(config.StartError, "destination", err.Error(), hintOf(err))
		return
	case errors.Is(err, unix.EACCES) && !errors.Is(missing, fs.ErrNotExist):
		kind = config.StartError
	}
	h.report(kind, "destination", unwritable(dir, err), hintOf(err))
}

// exposed warns of directories above a destination that belong to other users than
// those who may own the file.
func (h *hostCheck) exposed(path string, o owner) {
	uid, _, err := o.ids()
	if err != nil {
		return
	}
	for _, e := range sinks.Exposures(path, uid) {
		if h.directories[e.Path+"/"] {
			continue
		}
		h.directories[e.Path+"/"] = true
		h.report(config.Warning, "destination", fmt.Sprintf("%q belongs to user %d, who can replace what is published in it", e.Path, e.User), "if that is not intended, let root or certagent's user own the directory")
	}
}

// unwritable names the directory, its owner and mode, and the user of this process.
func unwritable(dir string, err error) string {
	var st unix.Stat_t
	text := fmt.Sprintf("cannot write in %q: %v", dir, cause(err))
	if unix.Stat(dir, &st) == nil {
		text += fmt.Sprintf(" (certagent runs as user %d, group %d; the directory is %d:%d, mode %04o)", os.Geteuid(), os.Getegid(), st.Uid, st.Gid, st.Mode&0o7777)
	}
	return text
}

// cause returns what the system said.
func cause(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

func hintOf(err error) string {
	var failed *sinks.Error
	if errors.As(err, &failed) {
		return failed.Hint()
	}
	return ""
}

// owner checks whether the user and group exist, and whether this process may give
// files to them.
func (h *hostCheck) owner(o owner) {
	uid, gid, err := o.ids()
	var missing *ownerMissing
	switch {
	case errors.As(err, &missing):
		h.report(config.StartError, missing.kind, err.Error(), "create it, or choose another one")
	case err != nil: // a directory service may be away
		h.report(config.Warning, "", err.Error(), "")
	case mayChown(uid, gid):
	case uid >= 0 && uid != os.Geteuid():
		h.report(config.StartError, "user", fmt.Sprintf("certagent runs as user %d, which may not give files to %q", os.Geteuid(), o.user), chownHint)
	default:
		h.report(config.StartError, "group", fmt.Sprintf("certagent runs as user %d, which is not in the group %q", os.Geteuid(), o.group), chownHint)
	}
}

const chownHint = "run certagent as root or with CAP_CHOWN, see deploy/systemd/certagent-owner.service"

// mayChown reports whether this process may give a file to the user and group; -1 is
// its own.
func mayChown(uid, gid int) bool {
	own := uid < 0 || uid == os.Geteuid()
	if own && (gid < 0 || gid == os.Getegid()) {
		return true
	}
	groups, _ := os.Getgroups()
	for _, g := range groups {
		if own && g == gid {
			return true
		}
	}
	return hasCapability(unix.CAP_CHOWN)
}

func hasCapability(number uint) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&header, &data[0]) != nil {
		return true // unknown: publishing will tell
	}
	return data[number/32].Effective&(1<<(number%32)) != 0
}

// change checks what a change refers to.
func (h *hostCheck) change(c *config.Change) {
	switch {
	case c.Mode == config.Command:
		h.command("command", c.Command)
	case c.Mode == config.Signal && c.PIDFile != "":
		h.pidFile(c.PIDFile)
	}
}

// pidFile checks the file of a server, which may not have been started yet.
func (h *hostCheck) pidFile(path string) {
	if _, err := os.Stat(path); err == nil {
		// A process that has ended left its file, and an empty file is about to be written.
		if _, err := exec.FindPIDFile(path); err != nil && (!errors.Is(err, exec.ErrNotRunning) || errors.Is(err, exec.ErrStale)) {
			h.report(config.Warning, "pid_file", err.Error(), "write the file in which the server writes its number")
		}
		return
	} else if !errors.Is(err, fs.ErrNotExist) {
		h.report(config.Warning, "pid_file", err.Error(), "")
		return
	}
	dir := filepath.Dir(path)
	if _, err := os.Stat(dir); err != nil {
		h.report(config.Warning, "pid_file", strconv.Quote(path)+" does not exist, nor does its directory", "check the path, unless the server creates the directory")
		return
	}
	h.report(config.Warning, "pid_file", strconv.Quote(path)+" does not exist", "if the server is running, this is the wrong file")
}

func (h *hostCheck) command(name string, command []string) {
	if err := exec.LookUp(command); err != nil {
		h.report(config.Warning, name, err.Error(), CommandHint)
	}
}

// CommandHint is what to do about a command that cannot be started. It is a warning,
// because the program may be installed later.
const CommandHint = "check the path, its execute permission, and PATH"

// readable reports a file that cannot be read; it may come later.
func (h *hostCheck) readable(name, path string) {
	if problem := Unreadable(path); problem != "" {
		h.report(config.Warning, name, problem, "")
	}
}

// Unreadable returns why a file cannot be read; "" if it can, or if there is no path.
func Unreadable(path string) string {
	if path == "" {
		return ""
	}
	if info, err := os.Stat(path); err != nil {
		return err.Error()
	} else if info.IsDir() {
		return strconv.Quote(path) + " is a directory"
	}
	if err := unix.Faccessat(unix.AT_FDCWD, path, unix.R_OK, unix.AT_EACCESS); err != nil {
		return fmt.Sprintf("%q: %v (certagent runs as user %d)", path, err, os.Geteuid())
	}
	return ""
}

// KeyAccess returns a line for each file with a private key that a certificate block
// writes: its mode and owner, and so which users can read it; and one for each directory
// of a bundle, which decides who can read anything in it.
func KeyAccess(cfg *config.Config) string {
	var b strings.Builder
	for _, block := range NewMembers(cfg, 0).blocks {
		if dir := block.config.Directory; dir != "" {
			perms := block.config.DirectoryPerms
			fmt.Fprintf(&b, "directory %s: mode %04o, %s\n", config.Absolute(dir), perms.Perm(), owner{block.config.User, block.config.Group}.entrants(perms))
		}
		for _, m := range block.certificates {
			for _, o := range m.outputs {
				if o.Kind.HoldsKey() {
					fmt.Fprintf(&b, "private key %s: mode %04o, %s\n", o.file.Path, o.file.Mode.Perm(), m.owner.readers(o.file.Mode))
				}
			}
		}
	}
	return b.String()
}

// entrants names the users that can read files in a directory with this owner and mode.
func (o owner) entrants(mode fs.FileMode) string {
	if mode&0o001 != 0 {
		return "every user can read the files in it that are readable by every user"
	}
	text := strings.Replace(o.readers((mode&0o010)<<2), "readable by ", "its files are readable at most by ", 1)
	return text + `; perms = { directory = "0755" } opens it`
}

// readers names the users that can read a file with this owner and mode.
func (o owner) readers(mode fs.FileMode) string {
	user, group := o.user, o.group
	if user == "" {
		user = "user " + strconv.Itoa(os.Geteuid())
	}
	if group == "" {
		group = strconv.Itoa(os.Getegid())
	}
	text := "readable by " + user
	if mode&0o040 != 0 {
		text += ", group " + group
	}
	if mode&0o004 != 0 {
		text += ", every user"
	}
	return text
}
