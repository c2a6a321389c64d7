// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// lossySituations are those in which the power fails.
var lossySituations = func() (all []situation) {
	more := []situation{
		{name: "recovering", before: 2, env: recovering},
		{name: "only the record", before: 1},
	}
	for _, s := range slices.Concat(situations, more) {
		s.after = 2
		all = append(all, s)
	}
	more = []situation{
		{name: "only the record", before: 2, after: 2, env: inLinkDir + "publish", prepare: func(t *testing.T, d string) {
			at, g := bundle(d, 2, namesAfter...)
			g.Payload = json.RawMessage(`{"owed":1}`)
			_, err := at.Publish(t.Context(), g)
			must(t, err)
		}},
	}
	for _, s := range slices.Concat(linkDirSituations, more) {
		s.name = "directory, " + s.name
		all = append(all, s)
	}
	return all
}()

// idleSyncs are the fsync calls of a situation without which no state is bad, with the
// reason why they are made.
var idleSyncs = map[string]string{
	"replacing: 1. fsync(/b)": "needed without exchange: otherwise Recover finds the old files",
	"replacing: 1. fsync(/a)": "needed without exchange: otherwise Recover finds the old files",
	"directory, first: 1. fsync(/.certagent-dir-18ac3e7343f01689.tmp)": "the directory is synced again with the first generation",
	"first: 1. fsync()":                           "the directory is synced again after the next new directory",
	"directory, taking over: 1. fsync(/d)":        "no name leads into ..data before it is synced again",
	"directory, taking over: 3. fsync(/d)":        "file and link read alike, and the next generation syncs them",
	"directory, taking over a name: 3. fsync(/d)": "file and link read alike, and the next generation syncs them",
}

// TestPowerLoss: whenever the power fails, and whatever of the changes that were not
// synced is kept, readers of a LinkDir find one complete generation, no reader finds a part
// of a file, and Recover leads to one complete generation with its payload. Once Publish
// has returned, that is the new one, for readers even before Recover.
//
// Each fsync is needed for that: without it, at least one state is bad.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	for _, s := range lossySituations {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := powerLoss{situation: s, tried: map[string]bool{}}
			p.record(t)
			if err := p.tryAll(t, -1); err != nil {
				t.Fatal(err)
			}
			states, seen := len(p.tried), map[string]int{}
			for i, op := range p.disk.ops {
				if op.sync == 0 {
					continue
				}
				seen[op.text]++
				name := fmt.Sprintf("%s: %d. %s", s.name, seen[op.text], op.text)
				err := p.tryAll(t, i)
				if idle := idleSyncs[name] != ""; idle != (err == nil) {
					t.Errorf("%s: listed in idleSyncs: %t; without it, the first bad state is: %v", name, idle, err)
				}
			}
			t.Logf("%d operations, %d states, %d more without an fsync", len(p.disk.ops), states, len(p.tried)-states)
		})
	}
}

// powerLoss is a situation in which the power fails.
type powerLoss struct {
	situation
	disk  *disk
	tried map[string]bool // images
	// names are those in a LinkDir that can be read all the time; endNames in the end.
	names, endNames []string
}

// record publishes under strace.
func (p *powerLoss) record(t *testing.T) {
	t.Helper()
	root := p.setUp(t)
	if p.name == "only the record" {
		g := generation(root, 2)
		g.Payload = json.RawMessage(`{"owed":1}`)
		publish(t, g)
	}
	p.disk = newDisk(t, root)
	before := readable(root)
	log := filepath.Join(t.TempDir(), "log")
	if code := strace(t, root, p.env, "-y", "-s", "100000", "-o", log, "-e", "trace=%file,%desc"); code != 0 {
		t.Fatalf("publishing under strace: exit code %d", code)
	}
	for _, text := range joined(read(t, log)) {
		if err := p.disk.look(text); err != nil {
			t.Fatal(err)
		}
	}
	p.endNames = readable(root)
	p.names = slices.DeleteFunc(before, func(name string) bool { return !slices.Contains(p.endNames, name) })
}

// readable returns the names in a LinkDir that can be read.
func readable(root string) (names []string) {
	for _, name := range []string{"tls.crt", "tls.key", "certs/ca.crt", "old.crt", "new.crt"} {
		if _, err := os.Stat(filepath.Join(root, "d", name)); err == nil {
			names = append(names, name)
		}
	}
	return names
}

// tryAll tries what may be on the disk after each operation, as if the fsync with the
// number without had been left out. It returns what is wrong with the first bad one.
func (p *powerLoss) tryAll(t *testing.T, without int) error {
	t.Helper()
	all := len(p.disk.ops)
	for cut := without + 1; cut <= all; cut++ {
		for im := range p.disk.images(cut, without) {
			id := fmt.Sprint(cut == all, im)
			if p.tried[id] {
				continue
			}
			p.tried[id] = true
			if err := p.try(t, im, cut == all); err != nil {
				return fmt.Errorf("power failure after %d operations, the last one %s: %w\n%s", cut, p.disk.ops[max(cut, 1)-1].text, err, im.short())
			}
		}
	}
	return nil
}

// try makes an image real, at the place where it was recorded, because the records have
// absolute paths.
func (p *powerLoss) try(t *testing.T, im image, returned bool) error {
	t.Helper()
	root := p.disk.root
	must(t, emptyDirectory(root))
	must(t, im.restore(root))
	check := p.checkPlain
	if p.prepare != nil {
		check = p.checkLinks
	}
	before, err := check(t, root, returned)
	if err != nil {
		return fmt.Errorf("before Recover: %w", err)
	}
	if before == 0 && p.before != 0 {
		return errors.New("before Recover: nothing is there")
	}
	if returned && before != p.after {
		return fmt.Errorf("it is published, but readers see generation %d", before)
	}
	records, err := Recover(t.Context(), []string{filepath.Join(root, "a"), filepath.Join(root, "b"), filepath.Join(root, "d"), root})
	if err != nil {
		return fmt.Errorf("recovering: %w", err)
	}
	n, err := check(t, root, returned)
	switch {
	case err != nil:
		return fmt.Errorf("after Recover: %w", err)
	case n < 0:
		return errors.New("after Recover: a mixed set")
	case n != p.before && n != p.after:
		return fmt.Errorf("after Recover: generation %d", n)
	case p.prepare != nil && n != before && before != 0:
		return fmt.Errorf("recovering led from generation %d to %d", before, n)
	}
	return p.checkRecords(records, n, returned)
}

func emptyDirectory(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}

// checkRecords checks what Recover returned of generation n.
func (p *powerLoss) checkRecords(records []Record, n int, returned bool) error {
	if n == 0 && len(records) == 0 || n == p.before && p.name == "directory, taking over" {
		return nil
	}
	if len(records) != 1 {
		return fmt.Errorf("generation %d with the records %+v", n, records)
	}
	owed := []int{n}
	switch intact := records[0].Intact; {
	case !intact && n != p.before:
		return fmt.Errorf("generation %d, but the record is not intact: %+v", n, records[0])
	case !intact:
		owed = []int{p.after} // it is published again
	case strings.HasSuffix(p.env, "rollback") && n == p.after:
		owed = []int{owedAfterRollback}
	case strings.HasSuffix(p.name, "only the record") && !returned:
		owed = []int{1, 2}
	}
	is := string(records[0].Payload)
	if !slices.ContainsFunc(owed, func(n int) bool { return is == fmt.Sprintf(`{"owed":%d}`, n) }) {
		return fmt.Errorf("generation %d, but its payload is %q, not one of %v", n, is, owed)
	}
	return nil
}

// checkPlain returns which generation readers find that a Journal published, -1 if the
// files are of two, and an error if one is of none or, once Publish has returned, has
// not its mode.
func (p *powerLoss) checkPlain(t *testing.T, root string, returned bool) (int, error) {
	for _, f := range generation(root, 0).Files[:3] {
		content, err := os.ReadFile(f.Path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		must(t, err)
		if !slices.ContainsFunc([]int{1, 2}, func(n int) bool { return string(generationFile(root, n, f.Path)) == string(content) }) {
			return 0, fmt.Errorf("%s holds %q", f.Path, content)
		}
		if err := checkMode(t, f.Path, f.Mode); returned && err != nil {
			return 0, err
		}
	}
	return onDisk(t, root), nil
}

// checkLinks returns which generation readers of a LinkDir find, and an error if the files
// are not of one generation, or one is missing that could be read before and can be read
// in the end.
func (p *powerLoss) checkLinks(t *testing.T, root string, returned bool) (int, error) {
	d := filepath.Join(root, "d")
	inside, byName := map[string]int{}, map[string]int{}
	if _, err := os.Lstat(filepath.Join(d, dataLink)); err == nil {
		inside = inGeneration(t, filepath.Join(d, dataLink))
	}
	for _, name := range readable(root) {
		byName[name] = numberOf(name, []byte(read(t, filepath.Join(d, name))))
	}
	n := 0
	for _, found := range []map[string]int{inside, byName} {
		for name, is := range found {
			switch {
			case is < 0:
				return -1, fmt.Errorf("%s is of no generation", name)
			case n != 0 && is != n:
				return -1, fmt.Errorf("a mixed set: %v by name, %v through %s", byName, inside, dataLink)
			}
			n = is
		}
	}
	needed := p.names
	if returned {
		needed = p.endNames
	}
	for _, name := range needed {
		if byName[name] == 0 {
			return -1, fmt.Errorf("%s is missing", name)
		}
	}
	if returned {
		return n, p.checkModes(t, d)
	}
	return n, nil
}

// checkModes checks the modes of the current generation. Those of the files that were
// adopted are the ones that they had.
func (p *powerLoss) checkModes(t *testing.T, d string) error {
	err := checkMode(t, filepath.Join(d, dataLink)+"/.", fs.ModeDir|defaultDirectoryMode)
	if !strings.Contains(p.name, "taking over") {
		err = errors.Join(err, checkMode(t, d, fs.ModeDir|defaultDirectoryMode), checkMode(t, filepath.Join(d, "tls.key"), 0o640))
	}
	return err
}

func checkMode(t *testing.T, path string, want fs.FileMode) error {
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode() != want {
		return fmt.Errorf("%s has the mode %v, not %v", path, info.Mode(), want)
	}
	return nil
}
