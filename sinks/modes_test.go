// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestModesFromTheFirstCall checks the traces of whole publishes with a witness. The mode
// and owner that each file gets before its first byte are those that it has in the end,
// and those that were asked for.
func TestModesFromTheFirstCall(t *testing.T) {
	t.Parallel()
	byFile := append(slices.Clone(situations), situation{name: "to another owner", env: toAnother})
	for _, s := range byFile {
		t.Run("file by file, "+s.name, func(t *testing.T) {
			t.Parallel()
			root, owner := s.setUp(t), s.owner(t)
			w := follow(t, root, s.env)
			for _, f := range generation(root, 2).Files {
				if s.before == 0 || filepath.Base(f.Path) != "fixed" {
					w.check(t, f, owner)
				}
			}
		})
	}
	inDirectory := append(slices.Clone(linkDirSituations), situation{
		name: "to another owner", env: inLinkDir + "publish to another owner", prepare: func(*testing.T, string) {},
	})
	for _, s := range inDirectory {
		if !strings.HasPrefix(s.env, inLinkDir+"publish") {
			continue
		}
		t.Run("directory, "+s.name, func(t *testing.T) {
			t.Parallel()
			root, owner := s.setUp(t), s.owner(t)
			w := follow(t, root, s.env)
			path := filepath.Join(root, "d")
			_, g := bundle(path, 2, namesAfter...)
			for _, f := range g.Files {
				f.Path = filepath.Join(path, f.Path)
				w.check(t, f, owner)
			}
		})
	}
}

// owner returns the user and group for the files of a situation.
func (s situation) owner(t *testing.T) [2]int {
	if s.name != "to another owner" {
		return [2]int{os.Getuid(), os.Getgid()}
	}
	needRoot(t)
	return [2]int{another, another}
}

// follow publishes under strace and has a witness read the log. It reports the objections
// of the witness, and files whose mode or owner changes later.
func follow(t *testing.T, root, env string) *witness {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	if code := strace(t, root, env, "-y", "-o", log, "-e", "trace=%file,%desc"); code != 0 {
		t.Fatalf("publishing under strace: exit code %d", code)
	}
	w := newWitness(root)
	for _, text := range joined(read(t, log)) {
		if objection := w.look(text); objection != "" {
			t.Errorf("%s:\n%s", objection, text)
		}
	}
	for path, f := range w.files {
		st := stat(t, path)
		is := witnessed{mode: st.Mode & 0o7777, owner: [2]int{int(st.Uid), int(st.Gid)}}
		if strings.HasSuffix(path, lockSuffix) {
			f.written = true // only a Claim writes it
		}
		if !f.written || is.mode != f.mode || is.owner != f.owner {
			t.Errorf("had mode %o and owner %v before its content, ends with %o and %v:\n%s", f.mode, f.owner, is.mode, is.owner, f.created)
		}
	}
	return w
}

// check checks that the log creates a file as asked for.
func (w *witness) check(t *testing.T, asked File, owner [2]int) {
	t.Helper()
	path, err := filepath.EvalSymlinks(asked.Path)
	must(t, err)
	switch f := w.files[path]; {
	case f == nil:
		t.Errorf("no call created %s", path)
	case f.mode != bits(asked.Mode) || f.owner != owner:
		t.Errorf("mode %o and owner %v, not %o and %v:\n%s", f.mode, f.owner, asked.Mode, owner, f.created)
	}
}

// witnessLog is the log of a publish of two files, one by a Journal and one in a LinkDir,
// without a mistake.
const witnessLog = `1 openat(AT_FDCWD</>, "/r/a", O_RDONLY|O_CLOEXEC|O_DIRECTORY) = 5</r/a>
1 openat(5</r/a>, ".certagent-web-0.tmp", O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600) = 7</r/a/.certagent-web-0.tmp>
1 fchmod(7</r/a/.certagent-web-0.tmp>, 0640) = 0
1 fchown(7</r/a/.certagent-web-0.tmp>, 1, -1) = 0
1 write(7</r/a/.certagent-web-0.tmp>, "a \"<), ", 8) = 8
1 renameat2(5</r/a>, ".certagent-web-0.tmp", 5</r/a>, "key", RENAME_EXCHANGE) = 0
1 unlinkat(5</r/a>, ".certagent-web-0.tmp", 0) = 0
1 mkdirat(5</r/d>, "..gen-2", 0700) = 0
1 openat(6</r/d/..gen-2>, "tls.key", O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600) = 7</r/d/..gen-2/tls.key>
1 fchmod(7</r/d/..gen-2/tls.key>, 0600) = 0
1 write(7</r/d/..gen-2/tls.key>, "b", 1) = 1
1 fchmod(6</r/d/..gen-2>, 0750)  = 0
1 symlinkat("..gen-2", 5</r/d>, ".certagent-data.tmp") = 0
1 renameat(5</r/d>, ".certagent-data.tmp", 5</r/d>, "..data") = 0
1 close(6</r/d/..gen-2>) = 0`

// TestWitness changes or adds one line of a log. The witness objects to that line and to
// no other.
func TestWitness(t *testing.T) {
	t.Parallel()
	const (
		created = `openat(5</r/a>, ".certagent-web-0.tmp", O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600)`
		written = `1 write(7</r/a/.certagent-web-0.tmp>, "a \"<), ", 8) = 8`
		shown   = `1 renameat(5</r/d>, ".certagent-data.tmp", 5</r/d>, "..data") = 0`
		below   = `1 openat(6</r/d/..gen-2>, "more", O_WRONLY|O_CREAT|O_EXCL, 0600) = 9</r/d/..gen-2/more>`
		old     = `1 openat(6</r/d/..gen-1>, "more", O_WRONLY|O_CREAT|O_EXCL, 0600) = 9</r/d/..gen-1/more>`
	)
	for _, test := range []struct{ replace, by, objection string }{
		{"", "", ""},
		{created, strings.Replace(created, "O_EXCL|", "", 1), "created without O_EXCL"},
		{created, strings.Replace(created, "0600", "0640", 1), "created for more than its owner"},
		{written, written + "\n1 fchmod(7</r/a/.certagent-web-0.tmp>, 0600) = 0", "mode or owner after the content"},
		{written, written + "\n1 fchown(7</r/a/.certagent-web-0.tmp>, 1, 1) = 0", "mode or owner after the content"},
		{written, written + "\n1 fchmodat(5</r/a>, \".certagent-web-0.tmp\", 0600) = 0", "a call that publishing does not need"},
		{written, written + "\n1 chown(\"/r/a/key\", 1, 1) = 0", "a call that publishing does not need"},
		{written, written + "\n1 linkat(5</r/a>, \".certagent-web-0.tmp\", 5</r/a>, \"key\", 0) = 0", "a call that publishing does not need"},
		{written, written + "\n1 fchmod(8</r/a/key>, 0600) = 0", "mode or owner of what it did not create"},
		{written, written + "\n1 write(8</r/a/key>, \"a\", 1) = 1", "content written to what it did not create"},
		{written, written + "\n1 openat(5</r/a>, \"key\", O_WRONLY|O_CLOEXEC) = 8</r/a/key>", "opened for writing, but not created"},
		{written, written + "\n1 openat(5</r/a>, \"ca\", O_WRONLY|O_CREAT|O_EXCL, 0600) = 8</r/a/ca>", "created under a name that readers open"},
		{shown, shown + "\n1 write(7</r/a/key>, \"a\", 1) = 1", "content written under a name that readers open"},
		{shown, shown + "\n1 fchmod(7</r/a/key>, 0640) = 0", "mode or owner after the content"},
		{shown, shown + "\n1 write(7</r/d/..gen-2/tls.key>, \"a\", 1) = 1", "content written under a name that readers open"},
		{shown, shown + "\n1 fchmod(6</r/d/..gen-2>, 0755) = 0", "mode or owner of a directory that readers open already"},
		{shown, shown + "\n" + below, "created under a name that readers open"},
		{shown, below + "\n" + shown, ""},
		{shown, old + "\n" + shown, "created under a name that readers open"},
		{shown, shown + "\n1 fchmod(7</r/a/key>, 0640) = -1 EPERM (Operation not permitted)", ""},
		{shown, "1 write(7</r/a/key>, \"a\", 1 <unfinished ...>\n" + shown, "not a line that can be read"},
		{`"..gen-2", 0700`, `"..gen-2", 0750`, "a directory created for more than its owner"},
	} {
		w := newWitness("/r")
		var got []string
		lines := strings.Split(strings.Replace(witnessLog, test.replace, test.by, 1), "\n")
		for _, text := range lines {
			if objection := w.look(text); objection != "" {
				got = append(got, objection)
			}
		}
		want := fmt.Sprint([]string{test.objection})
		if fmt.Sprint(got) != want && (test.objection != "" || got != nil) {
			t.Errorf("%s: objections %q, want %s", test.by, got, want)
		}
		if key := w.files["/r/a/key"]; key == nil || !key.written || key.owner != [2]int{1, os.Getegid()} {
			t.Errorf("%s: the key is %+v", test.by, key)
		}
	}
}
