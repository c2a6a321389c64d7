// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The names of files that certagent creates beside a destination begin with prefix.
// Recover removes those that end with tempSuffix.
const (
	prefix       = ".certagent-"
	tempSuffix   = ".tmp"
	recordSuffix = ".json"
	backupSuffix = ".bak"
	lockSuffix   = ".lock"
	badSuffix    = ".bad" // of a record that cannot be used

	maxNameLength = 200 // of a bundle's name: names made from it must not exceed 255 bytes

	dataTemp   = prefix + "data" + tempSuffix
	linkTemp   = prefix + "link" + tempSuffix
	recordTemp = prefix + "record" + tempSuffix
)

// A [LinkDir] holds, besides the stable names and files of others:
//
//	..data -> ..gen-7          the generation that readers see
//	tls.crt -> ..data/tls.crt  a stable name
//	..gen-7  ..gen-7.json      a generation and its record
//	..gen-6  ..gen-6.json      the previous ones
//	..gen-5  ..gen-5.json
//	..rejected-4               a generation that Rollback rejected
//
// All names that begin with ".." are reserved, as in the volumes of Kubernetes.
const (
	dataLink         = "..data"
	generationPrefix = "..gen-"
	rejectedPrefix   = "..rejected-"
	reservedPrefix   = ".."
)

func recordName(name string) string      { return prefix + name + recordSuffix }
func journalTempName(name string) string { return prefix + name + "-journal" + tempSuffix }

func tempName(name string, i int) string {
	return fmt.Sprintf("%s%s-%d%s", prefix, name, i, tempSuffix)
}

// tokenTempName returns a name of fixed length that differs for each destination.
func tokenTempName(path string) string {
	hash := sha256.Sum256([]byte(path))
	return fmt.Sprintf("%stoken-%x%s", prefix, hash[:8], tempSuffix)
}

// backupName returns the name for the old file, or "" if there is to be no backup.
func backupName(path string, backup bool) string {
	if !backup {
		return ""
	}
	return filepath.Base(path) + backupSuffix
}

func generationName(n uint64) string       { return generationPrefix + strconv.FormatUint(n, 10) }
func generationRecordName(n uint64) string { return generationName(n) + recordSuffix }
func rejectedName(n uint64) string         { return rejectedPrefix + strconv.FormatUint(n, 10) }

// parseNumber returns the number in a name that one of the functions above made.
func parseNumber(name, prefix, suffix string) (n uint64, ok bool) {
	digits, begins := strings.CutPrefix(name, prefix)
	digits, ends := strings.CutSuffix(digits, suffix)
	n, err := strconv.ParseUint(digits, 10, 64)
	ok = begins && ends && err == nil && n > 0 && strconv.FormatUint(n, 10) == digits
	return n, ok
}

// stableTarget returns the target of the symbolic link at a stable name.
func stableTarget(name string) string { return dataLink + "/" + name }

// stableName returns the name in a LinkDir through which readers find a file of the
// generation. For "certs/web/tls.crt" it is "certs".
func stableName(name string) string {
	first, _, _ := strings.Cut(name, "/")
	return first
}

// stableNames returns the stable name of each file, without repetitions.
func stableNames(files []string) (names []string) {
	known := map[string]bool{}
	for _, file := range files {
		if name := stableName(file); !known[name] {
			known[name] = true
			names = append(names, name)
		}
	}
	return names
}

func checkName(name string) error {
	if name == "" || len(name) > maxNameLength || strings.ContainsAny(name, "/\x00") {
		return fmt.Errorf("%q cannot be the name of a bundle's record: it must have 1 to %d bytes and no slash", name, maxNameLength)
	}
	return nil
}

var (
	errNoDestination = errors.New("missing destination")
	errReserved      = errors.New("names that begin with " + prefix + " are reserved")
	errEncoding      = errors.New("the path is not valid UTF-8")
)

// absoluteDestination returns the absolute form of a path that may be written to.
func absoluteDestination(path string) (string, error) {
	if path == "" {
		return "", errNoDestination
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", &Error{Op: "finding the working directory", Path: path, Err: err}
	}
	if !utf8.ValidString(path) {
		return "", &Error{Op: "publishing", Path: path, Err: errEncoding}
	}
	if strings.HasPrefix(filepath.Base(path), prefix) {
		return "", &Error{Op: "publishing", Path: path, Err: errReserved}
	}
	return path, nil
}
