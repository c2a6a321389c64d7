// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Recorded finds what was published in either way, and leaves out what is damaged or not
// there.
func TestRecorded(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	g := generation(root, 1)
	publish(t, g)
	linked := filepath.Join(root, "linked")
	must(t, os.Mkdir(linked, 0o755))
	_, err := LinkDir{Path: linked}.Publish(t.Context(), Generation{Name: "app", Number: 1, Files: []File{{Path: filepath.Join(linked, "password"), Content: []byte("one")}}})
	must(t, err)
	damaged := filepath.Join(root, "damaged")
	must(t, os.Mkdir(damaged, 0o755))
	must(t, os.WriteFile(filepath.Join(damaged, recordName("other")), []byte("damaged"), 0o600))

	files, complete := Recorded([]string{filepath.Join(root, "a"), filepath.Join(root, "b"), linked, damaged, filepath.Join(root, "none")})
	if !complete {
		t.Error("it is not complete")
	}
	want := []string{filepath.Join(linked, "password")}
	for _, f := range g.Files {
		want = append(want, f.Path)
	}
	var got []string
	for _, f := range files {
		if len(f.SHA256) != 64 {
			t.Errorf("%s has the sum %q", f.Path, f.SHA256)
		}
		got = append(got, f.Path)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}

	// What cannot be read may be a record.
	must(t, os.Mkdir(filepath.Join(damaged, recordName("directory")), 0o755))
	if _, complete := Recorded([]string{damaged}); complete {
		t.Error("it is complete, although a record cannot be read")
	}
}
