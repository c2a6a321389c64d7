// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The system calls that can change or read the disk.
const traced = "openat,openat2,flock,statx,read,write,fchown,fchmod,fsync,close,renameat,renameat2,linkat,symlinkat,readlinkat,unlinkat,mkdirat,mkdir,getdents64,fstat"

// A call is one system call of a publishing process, as strace saw it.
type call struct {
	name string // openat
	text string // openat(a, .certagent-web-0.tmp), without root
	path string // for strace -P: the name passed, or the path of the descriptor
	last bool   // it only cleans up
	root bool   // path is relative to root
	nth  int    // its number among the calls of this name with this path
}

// strace runs a process that publishes the second generation below root, or
// recovers it, and returns its exit code, or -1 if it was killed.
func strace(t *testing.T, root, env string, args ...string) int {
	t.Helper()
	path, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("needs strace")
	}
	cmd := exec.CommandContext(t.Context(), path, append(append([]string{"-f", "-qq"}, args...), os.Args[0])...)
	cmd.Env = append(os.Environ(), publishIn+"="+root, env, "GORACE=atexit_sleep_ms=0")
	out, err := cmd.CombinedOutput()
	exit := new(exec.ExitError)
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("strace: %v", err)
	}
	code := cmd.ProcessState.ExitCode()
	if code > 0 && code != 3 {
		t.Fatalf("strace: exit code %d: %s", code, out)
	}
	return code
}

var line = regexp.MustCompile(`^(\d+)\s+(\w+)\((.*)\)\s+= -?\d+`)
var argument = regexp.MustCompile(`^(?:-?\d+|AT_FDCWD)<([^>]*)>(?:, "([^"]*)")?|^"([^"]*)"`)
var target = regexp.MustCompile(`, (?:-?\d+|AT_FDCWD)<([^>]*)>, "([^"]*)"(.*)`)

// trace returns the system calls on files below root, in order.
func trace(t *testing.T, root, env string) (calls []call) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "trace")
	if code := strace(t, root, env, "-y", "-s", "300", "-o", log, "-e", "trace="+traced); code != 0 {
		t.Fatalf("publishing under strace: exit code %d", code)
	}
	seen := map[string]int{}
	for _, text := range joined(read(t, log)) {
		m := line.FindStringSubmatch(text)
		if m == nil || !strings.Contains(text, root) {
			continue
		}
		a := argument.FindStringSubmatch(m[3])
		if a == nil {
			t.Fatalf("cannot read %q", text)
		}
		if m[2] == "symlinkat" {
			a = argument.FindStringSubmatch(strings.SplitN(m[3], ", ", 2)[1])
		}
		c := call{name: m[2], path: a[1]}
		short := func(s string) string { return strings.TrimPrefix(strings.TrimPrefix(s, root), "/") }
		c.text = short(a[1])
		switch {
		case a[3] != "":
			c.path, c.text = a[3], short(a[3])
		case a[2] != "" && c.name != "read" && c.name != "write":
			c.path, c.text = a[2], short(a[1])+", "+short(a[2])
			if strings.HasPrefix(a[2], "/") {
				c.text = short(a[2])
			}
		}
		if to := target.FindStringSubmatch(m[3]); to != nil && strings.HasPrefix(c.name, "renameat") {
			c.text += ", " + short(to[1]) + ", " + to[2] + to[3]
		}
		c.text = strings.TrimSuffix(c.name, "2") + "(" + c.text + ")"
		if c.name == "renameat2" {
			c.text = "renameat2" + strings.TrimPrefix(c.text, "renameat")
		}
		arguments := m[3]
		if c.name == "readlinkat" { // the rest is the result
			arguments = argument.FindString(arguments)
		}
		for _, path := range mentioned(arguments) {
			seen[c.name+" "+path]++
		}
		c.nth = seen[c.name+" "+c.path]
		c.path, c.root = strings.CutPrefix(c.path, root)
		calls = append(calls, c)
	}
	if len(calls) < 20 {
		t.Fatalf("saw only %d system calls", len(calls))
	}
	return calls
}

// mentioned returns the paths in the arguments of a call, each once.
func mentioned(arguments string) (paths []string) {
	for _, m := range mention.FindAllStringSubmatch(arguments, -1) {
		if path := m[1] + m[2]; !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	return paths
}

var mention = regexp.MustCompile(`<([^>]*)>|"([^"]*)"`)

// joined joins the lines that strace split because another thread made a call meanwhile.
func joined(log string) (lines []string) {
	begun := map[string]string{}
	resumed := regexp.MustCompile(`^(\d+)\s+<\.\.\. \w+ resumed>(.*)$`)
	for text := range strings.Lines(log) {
		text = strings.TrimSpace(text)
		thread, _, _ := strings.Cut(text, " ")
		if head, ok := strings.CutSuffix(text, " <unfinished ...>"); ok {
			begun[thread] = head
		} else if m := resumed.FindStringSubmatch(text); m != nil {
			lines = append(lines, begun[thread]+m[2])
		} else {
			lines = append(lines, text)
		}
	}
	return lines
}

// TestSystemCalls compares a trace with the comments on Journal and writeTemp. Concurrent
// calls are compared file by file.
func TestSystemCalls(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	publish(t, generation(root, 1))

	lock := lockName(os.Geteuid())
	staged := map[string][]string{}
	var rest []string
	for _, c := range trace(t, root, "") {
		if i := strings.Index(c.text, prefix); i > 0 && !strings.Contains(c.text, lock) && slices.Contains([]string{"openat", "fchmod", "fchown", "write", "fsync", "close"}, c.name) {
			temp, _, _ := strings.Cut(c.text[i:], ")")
			staged[temp] = append(staged[temp], c.name)
			continue
		}
		rest = append(rest, c.text)
	}

	want := map[string][]string{
		".certagent-web-0.tmp":       {"openat", "fchmod", "fchown", "write", "fsync", "close"},
		".certagent-web-1.tmp":       {"openat", "fchmod", "fchown", "write", "fsync", "close"},
		".certagent-web-2.tmp":       {"openat", "fchmod", "fchown", "write", "fsync", "close"},
		".certagent-web-journal.tmp": {"openat", "fchmod", "write", "fsync", "close"},
	}
	if got := fmt.Sprint(staged); got != fmt.Sprint(want) {
		t.Errorf("staging:\n got %s\nwant %s", got, fmt.Sprint(want))
	}
	wantRest := []string{
		"openat(a)", "openat(a, " + lock + ")", "fstat(a/" + lock + ")", "flock(a/" + lock + ")",
		"statx(a, key)", "openat(a, key)", "read(a/key)", "close(a/key)",
		"statx(a, cert)", "openat(a, cert)", "read(a/cert)", "close(a/cert)",
		"openat(b)", "openat(b, " + lock + ")", "fstat(b/" + lock + ")", "flock(b/" + lock + ")",
		"statx(b, ca)", "openat(b, ca)", "read(b/ca)", "close(b/ca)",
		"statx(a, fixed)", "openat(a, fixed)", "read(a/fixed)", "close(a/fixed)",
		"fsync(b)",
		"renameat2(a, .certagent-web-journal.tmp, a, .certagent-web.json, RENAME_EXCHANGE)",
		"fsync(a)",
		"renameat2(a, .certagent-web-0.tmp, a, key, RENAME_EXCHANGE)",
		"renameat2(a, .certagent-web-1.tmp, a, cert, RENAME_EXCHANGE)",
		"renameat2(b, .certagent-web-2.tmp, b, ca, RENAME_EXCHANGE)",
		"fsync(a)", "fsync(b)",
		"unlinkat(a, .certagent-web-0.tmp)", "unlinkat(a, .certagent-web-1.tmp)", "unlinkat(b, .certagent-web-2.tmp)",
		"unlinkat(a, .certagent-web-journal.tmp)",
		"close(a/" + lock + ")", "close(a)", "close(b/" + lock + ")", "close(b)",
	}
	if !slices.Equal(rest, wantRest) {
		t.Errorf("before and after staging:\n got %s\nwant %s", strings.Join(rest, "\n     "), strings.Join(wantRest, "\n     "))
	}
}

// TestSystemCallsOfRecover: the renames are durable before the old files, with
// which they could be undone, are removed.
func TestSystemCallsOfRecover(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	committed(t, root, 1)
	var changes []string
	for _, c := range trace(t, root, recovering) {
		if slices.Contains([]string{"renameat", "renameat2", "fsync", "unlinkat", "write"}, c.name) {
			changes = append(changes, c.text)
		}
	}
	want := []string{
		"renameat2(a, .certagent-web-1.tmp, a, cert, RENAME_EXCHANGE)",
		"renameat2(b, .certagent-web-2.tmp, b, ca, RENAME_EXCHANGE)",
		"fsync(a)", "fsync(b)",
	}
	if len(changes) < len(want) || !slices.Equal(changes[:len(want)], want) {
		t.Fatalf("changes:\n got %s\nwant %s first", strings.Join(changes, "\n     "), strings.Join(want, "\n     "))
	}
	for _, removal := range changes[len(want):] {
		if !strings.HasPrefix(removal, "unlinkat(") {
			t.Errorf("%s after the directories were synced", removal)
		}
	}
}

// TestSystemCallsOfLinkDir compares traces with the comments on LinkDir, adoptPlainFiles
// and Rollback. Concurrent fsync calls are sorted, and a call that only continues the one
// before is left out.
func TestSystemCallsOfLinkDir(t *testing.T) {
	t.Parallel()
	for name, want := range linkDirCalls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := slices.IndexFunc(linkDirSituations, func(s situation) bool { return s.name == name })
			s := linkDirSituations[i]
			var got []string
			for _, c := range trace(t, s.setUp(t), s.env) {
				if len(got) > 0 && got[len(got)-1] == c.text && (c.name == "read" || c.name == "getdents64") {
					continue
				}
				got = append(got, c.text)
			}
			sortSyncs(got)
			from := slices.Index(got, want[0])
			if from < 0 || len(got) < from+len(want) {
				t.Fatalf("no %s and so on in\n     %s", want[0], strings.Join(got, "\n     "))
			}
			if got = got[from : from+len(want)]; !slices.Equal(got, want) {
				t.Errorf("\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
			}
		})
	}
}

// sortSyncs sorts each run of fsync calls on files of a generation.
func sortSyncs(calls []string) {
	for from := 0; from < len(calls); from++ {
		to := from
		for to < len(calls) && strings.HasPrefix(calls[to], "fsync(") {
			to++
		}
		if to > from {
			slices.Sort(calls[from:to])
			from = to
		}
	}
}

func written(dir, name string) []string {
	path := dir + "/" + name
	return []string{"openat(" + dir + ", " + name + ")", "fchmod(" + path + ")", "fchown(" + path + ")", "write(" + path + ")"}
}

func compared(dir, name string) []string {
	path := dir + "/" + name
	return []string{"statx(" + dir + ", " + name + ")", "openat(" + dir + ", " + name + ")", "read(" + path + ")", "close(" + path + ")"}
}

// linkDirCalls are the system calls in the situation of this name, from the first one
// given on.
var linkDirCalls = map[string][]string{
	"replacing": slices.Concat(
		[]string{"openat(d)", "openat(d, " + lockName(os.Geteuid()) + ")", "fstat(d/" + lockName(os.Geteuid()) + ")", "flock(d/" + lockName(os.Geteuid()) + ")", "getdents64(d)", "readlinkat(d, ..data)", "openat(d, ..gen-3)", "getdents64(d/..gen-3)"},
		[]string{"openat(d, ..gen-3.json)", "fstat(d/..gen-3.json)", "read(d/..gen-3.json)", "close(d/..gen-3.json)"},
		[]string{"readlinkat(d, tls.key)", "readlinkat(d, tls.crt)", "readlinkat(d, certs)", "readlinkat(d, new.crt)"},
		compared("d/..gen-3", "tls.key"), compared("d/..gen-3", "tls.crt"), compared("d/..gen-3", "certs/ca.crt"),
		[]string{"statx(d/..gen-3, new.crt)", "fstat(d/..gen-3)"},

		[]string{"mkdirat(d, ..gen-4)", "openat(d, ..gen-4)", "fchmod(d/..gen-4)"},
		written("d/..gen-4", "tls.key"), written("d/..gen-4", "tls.crt"),
		[]string{"mkdirat(d/..gen-4, certs)", "openat(d/..gen-4, certs)", "fchmod(d/..gen-4/certs)"},
		written("d/..gen-4/certs", "ca.crt"), written("d/..gen-4", "new.crt"),
		[]string{"openat(d, ..gen-4.json)", "fchmod(d/..gen-4.json)", "write(d/..gen-4.json)"},
		[]string{"fsync(d/..gen-4.json)", "fsync(d/..gen-4/certs/ca.crt)", "fsync(d/..gen-4/new.crt)", "fsync(d/..gen-4/tls.crt)", "fsync(d/..gen-4/tls.key)"},
		[]string{"close(d/..gen-4/tls.key)", "close(d/..gen-4/tls.crt)", "close(d/..gen-4/certs/ca.crt)", "close(d/..gen-4/new.crt)", "close(d/..gen-4.json)"},
		[]string{"fchmod(d/..gen-4/certs)", "fchown(d/..gen-4/certs)", "fsync(d/..gen-4/certs)"},
		[]string{"fchmod(d/..gen-4)", "fchown(d/..gen-4)", "fsync(d/..gen-4)", "close(d/..gen-4)", "close(d/..gen-4/certs)"},

		[]string{"readlinkat(d, old.crt)", "unlinkat(d, old.crt)"},
		[]string{"symlinkat(d, .certagent-data.tmp)", "fsync(d)", "renameat(d, .certagent-data.tmp, d, ..data)"},
		[]string{"symlinkat(d, new.crt)", "fsync(d)"},
		[]string{"fstat(d)", "openat(d, ..gen-1)", "getdents64(d/..gen-1)"},
	),
	"taking over": slices.Concat(
		[]string{"openat(d, tls.key)", "fstat(d/tls.key)", "read(d/tls.key)", "close(d/tls.key)"},
		[]string{"openat(d, tls.crt)", "fstat(d/tls.crt)", "read(d/tls.crt)", "close(d/tls.crt)"},
		[]string{"openat(d, .certagent-web.json)", "mkdirat(d, ..gen-1)", "openat(d, ..gen-1)", "fchmod(d/..gen-1)"},
		written("d/..gen-1", "tls.key"), written("d/..gen-1", "tls.crt"),
		[]string{"openat(d, ..gen-1.json)", "fchmod(d/..gen-1.json)", "write(d/..gen-1.json)"},
		[]string{"fsync(d/..gen-1.json)", "fsync(d/..gen-1/tls.crt)", "fsync(d/..gen-1/tls.key)"},
		[]string{"close(d/..gen-1/tls.key)", "close(d/..gen-1/tls.crt)", "close(d/..gen-1.json)"},
		[]string{"fchmod(d/..gen-1)", "fchown(d/..gen-1)", "fsync(d/..gen-1)", "close(d/..gen-1)"},
		[]string{"symlinkat(d, .certagent-data.tmp)", "fsync(d)", "renameat(d, .certagent-data.tmp, d, ..data)", "fsync(d)"},
		[]string{"openat(d, ..gen-1)", "getdents64(d/..gen-1)"},
		[]string{"openat(d, ..gen-1.json)", "fstat(d/..gen-1.json)", "read(d/..gen-1.json)", "close(d/..gen-1.json)"},
		[]string{"symlinkat(d, .certagent-link.tmp)", "renameat(d, .certagent-link.tmp, d, tls.key)"},
		[]string{"symlinkat(d, .certagent-link.tmp)", "renameat(d, .certagent-link.tmp, d, tls.crt)", "fsync(d)"},
		compared("d/..gen-1", "tls.key"), compared("d/..gen-1", "tls.crt"),
		[]string{"statx(d/..gen-1, certs/ca.crt)", "statx(d/..gen-1, new.crt)", "fstat(d/..gen-1)", "mkdirat(d, ..gen-2)"},
	),
	"rolling back": slices.Concat(
		[]string{"openat(d, ..gen-2.json)", "fstat(d/..gen-2.json)", "read(d/..gen-2.json)", "close(d/..gen-2.json)", "openat(d, ..gen-2)"},
		hashed("tls.key"), hashed("tls.crt"), hashed("certs/ca.crt"), hashed("old.crt"),
		[]string{"close(d/..gen-2)"},
		[]string{"readlinkat(d, tls.key)", "readlinkat(d, tls.crt)", "readlinkat(d, certs)", "readlinkat(d, old.crt)"},
		[]string{"openat(d, .certagent-record.tmp)", "fchmod(d/.certagent-record.tmp)", "write(d/.certagent-record.tmp)"},
		[]string{"fsync(d/.certagent-record.tmp)", "close(d/.certagent-record.tmp)", "renameat(d, .certagent-record.tmp, d, ..gen-2.json)"},
		[]string{"readlinkat(d, new.crt)", "unlinkat(d, new.crt)"},
		[]string{"symlinkat(d, .certagent-data.tmp)", "fsync(d)", "renameat(d, .certagent-data.tmp, d, ..data)"},
		[]string{"symlinkat(d, old.crt)", "fsync(d)"},
		[]string{"fstat(d)", "renameat(d, ..gen-4, d, ..rejected-4)", "unlinkat(d, ..gen-4.json)", "fstat(d)", "openat(d, ..rejected-3)"},
	),
}

func hashed(name string) []string {
	path := "d/..gen-2/" + name
	return []string{"openat(d/..gen-2, " + name + ")", "fstat(" + path + ")", "read(" + path + ")", "close(" + path + ")"}
}
