// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// What certagent makes beside a destination begins with prefix; what ends with
// tempSuffix, too, is swept by Recover.
const (
	prefix        = ".certagent-"
	tempSuffix    = ".tmp"
	recordSuffix  = ".json"
	backupSuffix  = ".bak"
	maxNameLength = 200 // of a name, so that what is made of it fits into 255 bytes
)

var (
	errNoDestination = errors.New("missing destination")
	errReserved      = errors.New("names that begin with " + prefix + " are reserved")
	errEncoding      = errors.New("the path is not valid UTF-8")

	errOutside             = errors.New("it is not below the directory")
	errReservedInDirectory = errors.New("names that begin with " + reservedPrefix + " or " + prefix + " are reserved in the directory")
	errFileAndDirectory    = errors.New("it is named as a file and as a directory")
)

func recordName(name string) string      { return prefix + name + recordSuffix }
func journalTempName(name string) string { return prefix + name + "-journal" + tempSuffix }

func tempName(name string, i int) string {
	return fmt.Sprintf("%s%s-%d%s", prefix, name, i, tempSuffix)
}

// tokenTempName differs for each destination, and has a length that fits.
func tokenTempName(path string) string {
	hash := sha256.Sum256([]byte(path))
	return fmt.Sprintf("%stoken-%x%s", prefix, hash[:8], tempSuffix)
}

// backupName returns what the old file of a destination is called afterwards, or
// "" if it is not to be kept.
func backupName(path string, backup bool) string {
	if !backup {
		return ""
	}
	return filepath.Base(path) + backupSuffix
}

func checkName(name string) error {
	if name == "" || len(name) > maxNameLength || strings.ContainsAny(name, "/\x00") {
		return fmt.Errorf("%q cannot be the name of a bundle's record: it must have 1 to %d bytes and no slash", name, maxNameLength)
	}
	return nil
}

// destination returns the absolute form of a path that may be written to.
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
