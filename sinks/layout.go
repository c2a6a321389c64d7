// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// What stands in a bundle's directory, beside the stable names and whatever
// belongs to others:
//
//	..data -> ..gen-7          the generation that readers see
//	tls.crt -> ..data/tls.crt  a stable name
//	..gen-7  ..gen-7.json      a generation and its record
//	..gen-6  ..gen-6.json      those before it
//	..gen-5  ..gen-5.json
//	..rejected-4               what Rollback put aside
//
// All that begins with ".." is reserved, as it is in the volumes of Kubernetes.
const (
	dataLink         = "..data"
	generationPrefix = "..gen-"
	rejectedPrefix   = "..rejected-"
	reservedPrefix   = ".."
	keptGenerations  = 2 // besides the one that readers see

	// Recover sweeps these by their names.
	dataTemp   = prefix + "data" + tempSuffix
	linkTemp   = prefix + "link" + tempSuffix
	recordTemp = prefix + "record" + tempSuffix
)

func generationName(n uint64) string       { return generationPrefix + strconv.FormatUint(n, 10) }
func generationRecordName(n uint64) string { return generationName(n) + recordSuffix }
func rejectedName(n uint64) string         { return rejectedPrefix + strconv.FormatUint(n, 10) }

// number returns the number in a name that was made of one.
func parseNumber(name, prefix, suffix string) (n uint64, ok bool) {
	digits, begins := strings.CutPrefix(name, prefix)
	digits, ends := strings.CutSuffix(digits, suffix)
	n, err := strconv.ParseUint(digits, 10, 64)
	ok = begins && ends && err == nil && n > 0 && strconv.FormatUint(n, 10) == digits
	return n, ok
}

// stableTarget is where the link of a stable name leads.
func stableTarget(name string) string { return dataLink + "/" + name }

// stableName is the name in the bundle's directory under which readers find a
// file of the generation: for "certs/web/tls.crt" it is that of the first
// directory, "certs".
func stableName(name string) string {
	first, _, _ := strings.Cut(name, "/")
	return first
}

// located is a file of a generation and where in it it lies.
type located struct {
	File        // Path is the stable one
	name string // below the generation's directory, clean
}

// locate finds out where in the directory files lie.
func (d LinkDir) locate(files []File) ([]located, error) {
	result := make([]located, len(files))
	for i, f := range files {
		name, err := d.nameOf(f.Path)
		if err != nil {
			return nil, err
		}
		f.Path = filepath.Join(d.Path, name)
		result[i] = located{f, name}
		for _, earlier := range result[:i] {
			switch {
			case earlier.name == name:
				return nil, &Error{Op: "publishing", Path: f.Path, Err: errDuplicate}
			case strings.HasPrefix(name, earlier.name+"/"), strings.HasPrefix(earlier.name, name+"/"):
				return nil, &Error{Op: "publishing", Path: f.Path, Err: fmt.Errorf("%w: see %q", errFileAndDirectory, earlier.Path)}
			}
		}
	}
	return result, nil
}

// nameOf returns a path relative to the directory.
func (d LinkDir) nameOf(path string) (string, error) {
	if path == "" {
		return "", &Error{Op: "publishing", Path: d.Path, Err: errNoDestination, hint: "name the file"}
	}
	name := path
	if filepath.IsAbs(path) {
		var err error
		if name, err = filepath.Rel(d.Path, path); err != nil {
			return "", &Error{Op: "publishing", Path: path, Err: err}
		}
	}
	name = filepath.Clean(name)
	if name == "." || !filepath.IsLocal(name) {
		return "", &Error{Op: "publishing", Path: path, Err: fmt.Errorf("%w %q", errOutside, d.Path), hint: "give a path below the directory, such as tls.crt"}
	}
	if first := stableName(name); strings.HasPrefix(first, reservedPrefix) || strings.HasPrefix(first, prefix) {
		return "", &Error{Op: "publishing", Path: path, Err: errReservedInDirectory}
	}
	_, err := absoluteDestination(filepath.Join(d.Path, name))
	return name, err
}

// stableNames returns the names of which links are to be made, each once, in the
// order of the files.
func stableNames(files []located) (names []string) {
	known := map[string]bool{}
	for _, f := range files {
		if name := stableName(f.name); !known[name] {
			known[name] = true
			names = append(names, name)
		}
	}
	return names
}
