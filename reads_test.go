// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certagent_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// opening lists what opens a file by its path, by package.
var opening = map[string][]string{
	"os":                    {"ReadFile", "Open", "OpenFile", "OpenRoot", "OpenInRoot", "Create", "DirFS", "CopyFS"},
	"io/ioutil":             {"ReadFile", "ReadDir", "ReadAll"},
	"io/fs":                 {"ReadFile"},
	"syscall":               {"Open", "Openat", "Creat"},
	"golang.org/x/sys/unix": {"Open", "Openat", "Openat2", "OpenByHandleAt", "Creat"},
	"crypto/tls":            {"LoadX509KeyPair"},
	"text/template":         {"ParseFiles", "ParseGlob"},
	"html/template":         {"ParseFiles", "ParseGlob"},
}

// mayOpen lists who opens files otherwise than through safefile, and why that is safe.
var mayOpen = map[string]string{
	"safefile/safefile.go unix.Open":  "the one way to read",
	"sinks/path.go unix.Openat2":      "O_DIRECTORY",
	"sinks/path.go unix.Openat":       "O_PATH, or O_DIRECTORY",
	"sinks/descriptor.go unix.Openat": "in a directory that is open; to read O_NONBLOCK, with its kind looked at afterwards",
	"safefile/append.go unix.Open":    "files that certagent appends to",
	"cmd/certagent/dev.go os.Create":  "writes a file of certagent dev",
	"exec/output.go unix.Open":        "a pipe of its own, by its descriptor",
	"exec/procfs.go os.Open":          "lists the directory /proc",
	"exec/procfs.go os.ReadFile":      "reads hundreds of files below /proc in a row",
}

// A named pipe, a device, or a file of 60 GB may stand at any path that certagent
// reads: no part of the product opens one but through safefile.
func TestFilesAreReadInOneWay(t *testing.T) {
	used := map[string]bool{}
	for _, p := range list(t) {
		part, _, _ := strings.Cut(p.name(), "/")
		if !slices.Contains(append(leaf, "agent", "cmd", "exec", "probe", "sinks"), part) {
			continue // not in the product, or the dev server
		}
		for _, file := range parse(t, p) {
			for path, functions := range opening {
				for _, call := range callsOf(file, path) {
					if !slices.Contains(functions, call.name) {
						continue
					}
					name := p.name() + "/" + filepath.Base(call.position.Filename) + " " + filepath.Base(path) + "." + call.name
					if used[name] = true; mayOpen[name] == "" {
						t.Errorf("%s: %s opens a file: read it with package safefile", call.position, name)
					}
				}
			}
		}
	}
	for name := range mayOpen {
		if !used[name] {
			t.Errorf("%s: nothing needs this exception", name)
		}
	}
}
