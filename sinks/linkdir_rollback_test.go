// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRollback(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	for n := 1; n <= 4; n++ {
		publishLinkDir(t, path, n)
	}
	r := rollBack(t, path)
	if r.Generation != 3 || r.Rejected != 4 || !r.Intact || string(r.Payload) != `{"owed":1}` || !slices.Equal(r.Previous, []uint64{2}) {
		t.Errorf("record %+v", r)
	}
	if got := read(t, path+"/tls.key"); got != string(contentOf("tls.key", 3)) {
		t.Errorf("the key is %q", got)
	}
	if got := read(t, path+"/..rejected-4/tls.key"); got != string(contentOf("tls.key", 4)) {
		t.Errorf("the rejected key is %q", got)
	}
	records, err := Recover(t.Context(), []string{path})
	must(t, err)
	if len(records) != 1 || records[0].Rejected != 4 || records[0].Generation != 3 || string(records[0].Payload) != `{"owed":1}` {
		t.Errorf("records %+v", records)
	}

	// The next generation gets another number than the rejected one.
	if r := publishLinkDir(t, path, 4); r.Generation != 5 || r.Rejected != 0 || !slices.Equal(r.Previous, []uint64{3, 2}) {
		t.Errorf("record %+v", r)
	}
	wantListing(t, path, append(stableLinks, "..data -> ..gen-5", "..gen-2", "..gen-2.json", "..gen-3", "..gen-3.json", "..gen-5", "..gen-5.json", "..rejected-4")...)
	rollBack(t, path)
	wantListing(t, path, append(stableLinks, "..data -> ..gen-3", "..gen-2", "..gen-2.json", "..gen-3", "..gen-3.json", "..rejected-5")...)

	// It is removed when the generations of its time are gone.
	for n := 6; n <= 8; n++ {
		publishLinkDir(t, path, n)
	}
	wantListing(t, path, append(stableLinks, "..data -> ..gen-8", "..gen-6", "..gen-6.json", "..gen-7", "..gen-7.json", "..gen-8", "..gen-8.json")...)
}

func TestRollbackSkipsDamaged(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(t *testing.T, path string){
		"changed file":   func(t *testing.T, path string) { write(t, path+"/..gen-2/tls.crt", "changed", 0o640) },
		"missing file":   func(t *testing.T, path string) { must(t, os.Remove(path+"/..gen-2/certs/ca.crt")) },
		"missing record": func(t *testing.T, path string) { must(t, os.Remove(path+"/..gen-2.json")) },
		"damaged record": func(t *testing.T, path string) { write(t, path+"/..gen-2.json", "{", 0o600) },
		"another's record": func(t *testing.T, path string) {
			write(t, path+"/..gen-2.json", read(t, path+"/..gen-1.json"), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := t.TempDir()
			for n := 1; n <= 3; n++ {
				publishLinkDir(t, path, n)
			}
			damage(t, path)
			if r := rollBack(t, path); r.Generation != 1 || r.Rejected != 3 {
				t.Errorf("record %+v", r)
			}
			wantListing(t, path, append(stableLinks, "..data -> ..gen-1", "..gen-1", "..gen-1.json", "..rejected-3")...)
		})
	}
}

func TestRollbackRefuses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tls")
	d, _ := bundle(path, 0)
	_, err := d.Rollback(t.Context(), Generation{Name: "web"})
	wantError(t, err, unix.ENOENT, path, "")

	publishLinkDir(t, path, 1)
	before := listing(t, path)
	_, err = d.Rollback(t.Context(), Generation{Name: "web"})
	wantError(t, err, ErrNoPrevious, path, "")

	publishLinkDir(t, path, 2, "tls.key")
	must(t, os.Symlink("elsewhere", path+"/tls.crt"))
	_, err = d.Rollback(t.Context(), Generation{Name: "web"})
	wantError(t, err, errForeignLink, path+"/tls.crt", "remove the link")
	must(t, os.Remove(path+"/tls.crt"))
	write(t, path+"/tls.crt", "mine", 0o600)
	_, err = d.Rollback(t.Context(), Generation{Name: "web"})
	wantError(t, err, unix.EEXIST, path+"/tls.crt", "remove the file")
	must(t, os.Remove(path+"/tls.crt"))

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = d.Rollback(ended, Generation{Name: "web"}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if got := read(t, path+"/tls.key"); got != string(contentOf("tls.key", 2)) {
		t.Errorf("the key is %q", got)
	}
	rollBack(t, path)
	wantListing(t, path, append(before, "..rejected-2")...)
}

// TestRollbackRestoresLinks: a file that replaced the link at a stable name does not stay
// beside the files of the previous generation.
func TestRollbackRestoresLinks(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	publishLinkDir(t, path, 1)
	publishLinkDir(t, path, 2)
	must(t, os.Remove(path+"/tls.crt"))
	write(t, path+"/tls.crt", "somebody's", 0o600)
	rollBack(t, path)
	if got := read(t, path+"/tls.crt"); got != string(contentOf("tls.crt", 1)) {
		t.Errorf("the certificate is %q", got)
	}
}

// TestRollbackWithoutRecord: without the record of the current generation, those with
// lower numbers are the previous ones.
func TestRollbackWithoutRecord(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	publishLinkDir(t, path, 1)
	must(t, Remove(t.Context(), publishLinkDir(t, path, 2)))
	if r := rollBack(t, path); r.Generation != 1 || r.Rejected != 2 {
		t.Errorf("record %+v", r)
	}
}

func TestSaveInLinkDir(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	r := publishLinkDir(t, path, 1)
	r.Payload = json.RawMessage(`{"owed":0}`)
	must(t, Save(t.Context(), r))
	records, err := Recover(t.Context(), []string{path})
	must(t, err)
	if len(records) != 1 || string(records[0].Payload) != `{"owed":0}` || !records[0].Intact {
		t.Errorf("records %+v", records)
	}
	must(t, Remove(t.Context(), r))
	records, err = Recover(t.Context(), []string{path})
	must(t, err)
	if records != nil || read(t, path+"/tls.key") != string(contentOf("tls.key", 1)) {
		t.Errorf("records %+v", records)
	}
	wantListing(t, path, append(stableLinks, "..data -> ..gen-1", "..gen-1")...)
}
