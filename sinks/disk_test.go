// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A disk is a model of what a file system keeps when the power fails, with no more than
// POSIX promises: the content of a file is kept if the file was synced after it was
// written, and a change of the names in a directory if the directory was synced after it.
// What was not synced may be kept or lost, each change on its own and in any order; of
// unsynced content a part may be kept, or zeros in its place.
type disk struct {
	root   string
	nodes  []*node  // by number; 0 stands for no file, 1 is the root
	names  entries  // as the process sees them
	before entries  // as they were in the beginning, all of them kept
	ops    []diskOp // in the order in which they ended
}

// node is a file, a directory or a symbolic link.
type node struct {
	kind    fs.FileMode // fs.ModeDir, fs.ModeSymlink, or 0
	mode    fs.FileMode // in the beginning, as the content
	content string      // or the target of a link
}

// entry is a name in a directory.
type entry struct {
	dir  int
	name string
}

type entries map[entry]int

// diskOp is a system call that changed something.
type diskOp struct {
	text  string
	sets  entries // what the names stand for afterwards; nil if it changes no name
	dir   int     // whose names they are
	node  int     // the file that is written, or whose mode is changed
	write string  // appended to it
	mode  fs.FileMode
	sync  int // the file or directory that is synced
}

// newDisk returns a disk that has, safely, what is below root.
func newDisk(t *testing.T, root string) *disk {
	t.Helper()
	d := &disk{root: root, nodes: []*node{nil}, names: entries{}}
	err := filepath.WalkDir(root, func(at string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		n := &node{kind: info.Mode().Type(), mode: info.Mode().Perm()}
		switch n.kind {
		case 0:
			var content []byte
			content, err = os.ReadFile(at)
			n.content = string(content)
		case fs.ModeSymlink:
			n.content, err = os.Readlink(at)
		}
		d.nodes = append(d.nodes, n)
		if at != root {
			d.names[entry{d.at(path.Dir(at)), path.Base(at)}] = len(d.nodes) - 1
		}
		return err
	})
	must(t, err)
	d.before = d.names.with(nil)
	return d
}

// with returns a copy of n, changed as sets says.
func (n entries) with(sets entries) entries {
	result := make(entries, len(n)+len(sets))
	for _, from := range []entries{n, sets} {
		for e, node := range from {
			if result[e] = node; node == 0 {
				delete(result, e)
			}
		}
	}
	return result
}

// at returns the file at a path, or 0.
func (d *disk) at(file string) int {
	is := 1
	if file == d.root {
		return is
	}
	rest, ok := strings.CutPrefix(file, d.root+"/")
	if !ok {
		return 0
	}
	for name := range strings.SplitSeq(rest, "/") {
		if is = d.names[entry{is, name}]; is == 0 {
			return 0
		}
	}
	return is
}

// look reads a line of a strace log with all calls on files and descriptors. It returns
// an error for a call that it does not know.
func (d *disk) look(text string) error {
	m := result.FindStringSubmatch(text)
	if m == nil || !strings.Contains(text, d.root) || strings.HasPrefix(m[3], "-") {
		return nil
	}
	args := splitArguments(m[2])
	op := diskOp{text: strings.ReplaceAll(m[1]+"("+m[2]+")", d.root, "")}
	switch m[1] {
	case "read", "pread64", "statx", "fstat", "newfstatat", "readlinkat", "getdents64", "flock", "close", "fchown", "execve", "fcntl", "openat2":
		return nil
	case "openat":
		if !strings.Contains(args[2], "O_CREAT") || d.at(joinedPath(args)) != 0 {
			return nil
		}
		op.set(d.named(joinedPath(args)), d.add(0, octal(args[3]), ""))
	case "mkdirat":
		op.set(d.named(joinedPath(args)), d.add(fs.ModeDir, octal(args[2]), ""))
	case "mkdir":
		op.set(d.named(unquoted(args[0])), d.add(fs.ModeDir, octal(args[1]), ""))
	case "symlinkat":
		op.set(d.named(joinedPath(args[1:])), d.add(fs.ModeSymlink, 0, unquoted(args[0])))
	case "linkat":
		op.set(d.named(joinedPath(args[2:])), d.at(joinedPath(args)))
	case "unlinkat":
		op.set(d.named(joinedPath(args)), 0)
	case "renameat", "renameat2":
		from, to := d.named(joinedPath(args)), d.named(joinedPath(args[2:]))
		if from.dir != to.dir {
			return fmt.Errorf("a rename from one directory to another: %s", text)
		}
		op.set(from, 0)
		if slices.Contains(args[4:], "RENAME_EXCHANGE") {
			op.set(from, d.names[to])
		}
		op.set(to, d.names[from])
	case "fchmod":
		op.node, op.mode = d.at(described(args[0])), fs.FileMode(octal(args[1]))
	case "write":
		op.node = d.at(described(args[0]))
		length, err := strconv.Atoi(m[3])
		if err != nil || op.node == 0 {
			return fmt.Errorf("content written to an unknown file: %s", text)
		}
		op.write = unquoted(args[1])[:length]
	case "fsync":
		op.text = "fsync(" + strings.TrimPrefix(described(args[0]), d.root) + ")"
		if op.sync = d.at(described(args[0])); op.sync == 0 {
			return fmt.Errorf("an unknown file is synced: %s", text)
		}
	default:
		return fmt.Errorf("an unknown call: %s", text)
	}
	d.ops = append(d.ops, op)
	d.names = d.names.with(op.sets)
	return nil
}

func (d *disk) add(kind fs.FileMode, mode uint32, content string) int {
	d.nodes = append(d.nodes, &node{kind: kind, mode: fs.FileMode(mode), content: content})
	return len(d.nodes) - 1
}

func (d *disk) named(file string) entry { return entry{d.at(path.Dir(file)), path.Base(file)} }

func (op *diskOp) set(e entry, node int) {
	if op.sets == nil {
		op.sets, op.dir = entries{}, e.dir
	}
	op.sets[e] = node
}

// unsynced is what is left of content that was not synced.
type unsynced func(content string) string

var leftOfUnsynced = []unsynced{
	func(string) string { return "" },
	func(content string) string { return content[:len(content)/2] },
	func(content string) string { return strings.Repeat("\x00", len(content)) },
	func(content string) string { return content },
}

// image is what is on a disk after the power has come back.
type image struct {
	*disk
	names entries
	kept  map[int]string // content
	modes map[int]fs.FileMode
}

// images returns all that may be on the disk if the power fails after the first cut
// operations, of which the one without number does not count.
func (d *disk) images(cut, without int) iter.Seq[image] {
	synced := map[int]int{} // how many of the operations are safe, by what was synced
	for i, op := range d.ops[:cut] {
		if op.sync != 0 && i != without {
			synced[op.sync] = i
		}
	}
	safe, pending := d.before, []entries(nil)
	kept, lost := newChanges(), newChanges()
	for i, op := range d.ops[:cut] {
		switch {
		case op.sets != nil && i < synced[op.dir]:
			safe = safe.with(op.sets)
		case op.sets != nil:
			pending = append(pending, op.sets)
		case i < synced[op.node]:
			kept.add(op)
		case op.node != 0:
			lost.add(op)
		}
	}
	return func(yield func(image) bool) {
		for chosen := range subsets(len(pending)) {
			now := safe
			for i, sets := range pending {
				if chosen(i) {
					now = now.with(sets)
				}
			}
			for i, left := range leftOfUnsynced {
				im := image{d, now, maps.Clone(kept.content), maps.Clone(kept.modes)}
				for n, content := range lost.content {
					im.kept[n] += left(content)
				}
				if i%2 == 1 {
					maps.Copy(im.modes, lost.modes)
				}
				if !yield(im) {
					return
				}
			}
		}
	}
}

// changes are those of files, by their number.
type changes struct {
	content map[int]string // appended
	modes   map[int]fs.FileMode
}

func newChanges() changes { return changes{map[int]string{}, map[int]fs.FileMode{}} }

func (c changes) add(op diskOp) {
	if op.mode != 0 {
		c.modes[op.node] = op.mode
	}
	if op.write != "" {
		c.content[op.node] += op.write
	}
}

// subsets returns all subsets of n things; of many things, those that miss or have at
// most two, and all that were done first or last.
func subsets(n int) iter.Seq[func(i int) bool] {
	return func(yield func(func(int) bool) bool) {
		if n <= 6 {
			for set := range 1 << n {
				if !yield(func(i int) bool { return set>>i&1 == 1 }) {
					return
				}
			}
			return
		}
		for a := range n {
			for b := a; b < n; b++ {
				for _, has := range []func(int) bool{
					func(i int) bool { return i == a || i == b },
					func(i int) bool { return i != a && i != b },
					func(i int) bool { return i >= a && i <= b },
					func(i int) bool { return i < a || i > b },
				} {
					if !yield(has) {
						return
					}
				}
			}
		}
		none := func(int) bool { return false }
		_ = yield(none) && yield(func(int) bool { return true })
	}
}

// String describes an image so that equal ones have equal descriptions.
func (im image) String() string {
	var b strings.Builder
	im.each(func(at string, n int) error {
		fmt.Fprintf(&b, "%s %v %q\n", at, im.mode(n), im.content(n))
		return nil
	})
	return b.String()
}

// short is like String, but cuts the content.
func (im image) short() string {
	var b strings.Builder
	for text := range strings.Lines(im.String()) {
		text = strings.TrimSpace(text)
		b.WriteString(text[:min(len(text), 90)] + "\n")
	}
	return b.String()
}

// each calls f for each path, directories before what is in them.
func (im image) each(f func(at string, n int) error) error {
	below := map[int][]string{}
	for e := range im.names {
		below[e.dir] = append(below[e.dir], e.name)
	}
	var walk func(at string, n, depth int) error
	walk = func(at string, n, depth int) error {
		if err := f(at, n); err != nil || im.nodes[n].kind != fs.ModeDir || depth > 10 {
			return err
		}
		slices.Sort(below[n])
		for _, name := range below[n] {
			if err := walk(path.Join(at, name), im.names[entry{n, name}], depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	return walk("", 1, 0)
}

func (im image) mode(n int) fs.FileMode {
	if mode := im.modes[n]; mode != 0 {
		return im.nodes[n].kind | mode
	}
	return im.nodes[n].kind | im.nodes[n].mode
}

func (im image) content(n int) string { return im.nodes[n].content + im.kept[n] }

// restore makes the image real below a directory.
func (im image) restore(root string) error {
	made := map[int]string{}
	return im.each(func(at string, n int) error {
		at = path.Join(root, at)
		earlier, linked := made[n]
		made[n] = at
		switch mode := im.mode(n); {
		case n == 1:
			return nil
		case mode.IsDir():
			return errors.Join(os.Mkdir(at, 0o700), os.Chmod(at, mode.Perm()))
		case mode.Type() == fs.ModeSymlink:
			return os.Symlink(im.content(n), at)
		case linked:
			return os.Link(earlier, at)
		default:
			if err := os.WriteFile(at, []byte(im.content(n)), 0o600); err != nil {
				return err
			}
			return os.Chmod(at, mode)
		}
	})
}
