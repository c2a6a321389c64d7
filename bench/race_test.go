// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func makeGenerations(t *testing.T, n int) []generation {
	t.Helper()
	all, err := newGenerations(n)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestPublishersAgree checks that each reader reads the pair of the latest
// generation from every publisher.
func TestPublishersAgree(t *testing.T) {
	t.Parallel()
	for _, p := range publishers {
		dir := t.TempDir()
		for _, g := range makeGenerations(t, 2) {
			if err := p.publish(t.Context(), dir, g); err != nil {
				t.Fatalf("%s: %v", p.name, err)
			}
			for _, r := range readers {
				cert, key, err := r.read(dir, p.handle)
				if err != nil || !(pairs{}).match(cert, key) || !strings.HasPrefix(string(cert), string(g.cert)) {
					t.Errorf("%s, %s: %v, or the wrong pair", p.name, r.name, err)
				}
			}
		}
	}
}

// TestReadersCount checks that every reader counts mismatched pairs, truncated
// files and missing files.
func TestReadersCount(t *testing.T) {
	t.Parallel()
	all := makeGenerations(t, 2)
	mixed, torn := all[0], all[0]
	mixed.key = all[1].key
	mixed.combined = append(append([]byte{}, mixed.cert...), mixed.key...)
	torn.key = torn.key[:40]
	torn.combined = torn.combined[:len(torn.cert)]
	for name, test := range map[string]struct {
		on   *generation
		want tally
	}{
		"pair":    {&all[0], tally{reads: 1}},
		"mixed":   {&mixed, tally{reads: 1, mismatches: 1}},
		"torn":    {&torn, tally{reads: 1, mismatches: 1}},
		"missing": {nil, tally{errors: 1}},
	} {
		dir := t.TempDir()
		if test.on != nil {
			if err := writeInPlace(t.Context(), dir, *test.on); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range readers {
			var got tally
			cert, key, err := r.read(dir, "")
			got.count(pairs{}, cert, key, err)
			if missing := errors.Is(got.last, fs.ErrNotExist); missing != (test.on == nil) {
				t.Errorf("%s, %s: %v", name, r.name, got.last)
			}
			if got.last = nil; got != test.want {
				t.Errorf("%s, %s: %s, want %s", name, r.name, got, test.want)
			}
		}
	}
}

// TestHandleKeepsItsGeneration checks that an open directory keeps its files after
// the next generation is published.
func TestHandleKeepsItsGeneration(t *testing.T) {
	t.Parallel()
	dir, all := t.TempDir(), makeGenerations(t, 2)
	p := publishers[0]
	if err := p.publish(t.Context(), dir, all[0]); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(filepath.Join(dir, p.handle))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := p.publish(t.Context(), dir, all[1]); err != nil {
		t.Fatal(err)
	}
	if key, err := root.ReadFile(keyName); err != nil || string(key) != string(all[0].key) {
		t.Errorf("%v, or another key", err)
	}
	if _, key, err := readHandle(dir, p.handle); err != nil || string(key) != string(all[1].key) {
		t.Errorf("opened again: %v, or another key", err)
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	for _, test := range []struct {
		publisher, reader int
		tally             tally
		want              string
	}{
		{0, 0, tally{reads: 9, mismatches: 1}, ""},
		{0, 1, tally{reads: 9}, ""},
		{0, 1, tally{reads: 9, mismatches: 1}, "certagent, `directory`, by directory handle: 1 mismatched pairs, none are allowed"},
		{0, 2, tally{reads: 9, mismatches: 2}, "certagent, `directory`, combined PEM: 2 mismatched pairs, none are allowed"},
		{1, 0, tally{reads: 9, mismatches: 9}, ""},
		{1, 1, tally{reads: 9, mismatches: 9}, ""},
		{1, 2, tally{reads: 9, mismatches: 1}, "certagent, file by file, combined PEM: 1 mismatched pairs, none are allowed"},
		{1, 0, tally{reads: 9, errors: 3, last: gone}, "certagent, file by file, by path: 3 files could not be read, last error: gone"},
		{2, 0, tally{errors: 3, last: gone}, "consul-template, Vault Agent, by path: no pair could be read: gone"},
		{3, 2, tally{reads: 9, mismatches: 9, errors: 3, last: gone}, ""},
	} {
		r := raceResult{publishers[test.publisher], readers[test.reader], test.tally}
		got := ""
		if err := r.verdict(); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s, %s, %s: %q, want %q", r.publisher.name, r.reader.name, r.tally, got, test.want)
		}
	}
}

func TestRaceTable(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	printRaceResults(&out, []raceResult{
		{publishers[0], readers[0], tally{reads: 70, mismatches: 3}},
		{publishers[0], readers[1], tally{reads: 60, mismatches: 1, errors: 2}},
		{publishers[1], readers[2], tally{reads: 50}},
	}, 1000)
	want := "| 1000 publishes | reader | reads | mismatches | errors | mismatches allowed |\n" +
		"| --- | --- | --- | --- | --- | --- |\n" +
		"| certagent, `directory` | by path | 70 | 3 | 0 |  |\n" +
		"| certagent, `directory` | by directory handle | 60 | **1** | 2 | 0 |\n" +
		"| certagent, file by file | combined PEM | 50 | 0 | 0 | 0 |\n"
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
}
