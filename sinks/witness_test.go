// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A witness reads the strace log of a publish, with all calls on files and descriptors.
// It objects to each call after which a file could be read too early or by the wrong
// user: a file must be new and accessible only to its owner when it is created, must get
// its mode and owner once, before its content, and must get its content under a name that
// no reader opens. It also objects to unknown calls.
type witness struct {
	root  string
	files map[string]*witnessed // created in this log, by their current path
	dirs  map[string]bool       // likewise
	links map[string]string     // targets of the links created in this log
	seen  map[string]string     // targets of "..data", by its path
}

// witnessed is what happened to a file.
type witnessed struct {
	created string // the line
	mode    uint32
	owner   [2]int // user and group
	written bool
}

func newWitness(root string) *witness {
	return &witness{root: root, files: map[string]*witnessed{}, dirs: map[string]bool{}, links: map[string]string{}, seen: map[string]string{}}
}

var result = regexp.MustCompile(`^\d+\s+(\w+)\((.*)\)\s+= (-?\d+)`)

// look reads a line. It returns an objection, or "". It skips calls that failed.
func (w *witness) look(text string) (objection string) {
	if !strings.Contains(text, w.root) {
		return ""
	}
	m := result.FindStringSubmatch(text)
	switch {
	case m == nil:
		return "not a line that can be read"
	case strings.HasPrefix(m[3], "-"):
		return ""
	}
	return w.judge(m[1], splitArguments(m[2]), text)
}

func (w *witness) judge(name string, args []string, text string) string {
	switch name {
	case "read", "pread64", "statx", "fstat", "newfstatat", "readlinkat", "getdents64", "flock", "fsync", "close", "openat2":
	case "openat":
		return w.open(joinedPath(args), args, text)
	case "mkdirat":
		return w.makeDirectory(joinedPath(args), args[2])
	case "fchmod", "fchown":
		return w.change(described(args[0]), args[1:])
	case "write":
		return w.write(described(args[0]))
	case "symlinkat":
		w.links[joinedPath(args[1:])] = unquoted(args[0])
	case "renameat", "renameat2":
		w.rename(joinedPath(args), joinedPath(args[2:]), slices.Contains(args[4:], "RENAME_EXCHANGE"))
	case "unlinkat":
		delete(w.files, joinedPath(args))
	default:
		return "a call that publishing does not need"
	}
	return ""
}

func (w *witness) open(at string, args []string, text string) string {
	flags := strings.Split(args[2], "|")
	if !slices.Contains(flags, "O_CREAT") {
		if !slices.Contains(flags, "O_RDONLY") {
			return "opened for writing, but not created"
		}
		return ""
	}
	mode := octal(args[3])
	w.files[at] = &witnessed{created: text, mode: mode, owner: [2]int{os.Geteuid(), os.Getegid()}}
	switch {
	case !slices.Contains(flags, "O_EXCL"):
		return "created without O_EXCL"
	case mode&^0o600 != 0:
		return "created for more than its owner"
	case !w.hidden(at):
		return "created under a name that readers open"
	}
	return ""
}

func (w *witness) makeDirectory(at, mode string) string {
	w.dirs[at] = true
	if w.hidden(at) && octal(mode)&^0o700 != 0 {
		return "a directory created for more than its owner"
	}
	return ""
}

// change handles fchmod, with one argument, and fchown, with two.
func (w *witness) change(at string, to []string) string {
	f := w.files[at]
	switch {
	case w.dirs[at] && !w.hidden(at):
		return "mode or owner of a directory that readers open already"
	case w.dirs[at]:
		return ""
	case f == nil:
		return "mode or owner of what it did not create"
	case f.written:
		return "mode or owner after the content"
	case len(to) == 1:
		f.mode = octal(to[0])
	default:
		for i, id := range to {
			if id != "-1" {
				f.owner[i] = decimal(id)
			}
		}
	}
	return ""
}

func (w *witness) write(at string) string {
	switch f := w.files[at]; {
	case f == nil:
		return "content written to what it did not create"
	case !w.hidden(at):
		return "content written under a name that readers open"
	default:
		f.written = true
		return ""
	}
}

func (w *witness) rename(from, to string, exchange bool) {
	if target, ok := w.links[from]; ok && path.Base(to) == dataLink {
		w.seen[to] = target
	}
	moved, old := w.files[from], w.files[to]
	delete(w.files, from)
	delete(w.files, to)
	if moved != nil {
		w.files[to] = moved
	}
	if old != nil && exchange {
		w.files[from] = old
	}
	if w.dirs[from] {
		w.dirs[to] = true
		delete(w.dirs, from)
	}
}

// hidden reports whether readers do not open this path: it contains a name of ours, or is
// in a generation that was created in this log and is not current yet. Readers do not
// open the records of generations.
func (w *witness) hidden(at string) bool {
	dir := w.root
	for name := range strings.SplitSeq(strings.TrimPrefix(at, w.root+"/"), "/") {
		is := path.Join(dir, name)
		switch {
		case strings.HasPrefix(name, prefix):
			return true
		case strings.HasPrefix(name, generationPrefix) && strings.HasSuffix(name, recordSuffix):
			return true
		case strings.HasPrefix(name, generationPrefix):
			return w.dirs[is] && w.seen[path.Join(dir, dataLink)] != name
		}
		dir = is
	}
	return false
}

// splitArguments splits the arguments of a call.
func splitArguments(text string) (args []string) {
	quoted, depth, from := false, 0, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case strings.IndexByte("<{[", c) >= 0:
			depth++
		case strings.IndexByte(">}]", c) >= 0:
			depth--
		case c == ',' && depth == 0:
			args = append(args, text[from:i])
			from = i + len(", ")
		}
	}
	return append(args, text[from:])
}

// described returns the path that strace shows for a descriptor: 7</a/b>.
func described(arg string) string {
	_, text, _ := strings.Cut(arg, "<")
	return strings.TrimSuffix(text, ">")
}

// joinedPath returns the path of a name relative to the descriptor before it.
func joinedPath(args []string) string {
	name := unquoted(args[1])
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(described(args[0]), name)
}

// unquoted, octal and decimal parse arguments, which strace prints well formed.

func unquoted(arg string) string {
	text, err := strconv.Unquote(arg)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", arg, err))
	}
	return text
}

func octal(arg string) uint32 {
	n, err := strconv.ParseUint(arg, 8, 32)
	if err != nil {
		panic(fmt.Sprintf("mode %s: %v", arg, err))
	}
	return uint32(n)
}

func decimal(arg string) int {
	n, err := strconv.Atoi(arg)
	if err != nil {
		panic(fmt.Sprintf("owner %s: %v", arg, err))
	}
	return n
}
