// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Recorded returns the files of the generations that are recorded in directories, whoever
// published them. It takes no lock and changes nothing. Records that are damaged are left
// out, and so is a directory that does not exist; complete is false if there may be
// records that this process is not able to read.
func Recorded(dirs []string) (files []RecordedFile, complete bool) {
	complete = true
	for _, path := range dirs {
		path, err := filepath.Abs(path)
		if err != nil {
			return nil, false
		}
		d, err := openUnlocked(path)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			complete = false
			continue
		}
		found, all := d.recorded()
		d.close()
		files, complete = append(files, found...), complete && all
	}
	return files, complete
}

func (d *directory) recorded() (files []RecordedFile, complete bool) {
	names, err := d.list()
	if err != nil {
		return nil, false
	}
	complete = true
	for _, name := range names {
		_, ofGeneration := parseNumber(name, generationPrefix, recordSuffix)
		if !ofGeneration && (!strings.HasPrefix(name, prefix) || !strings.HasSuffix(name, recordSuffix)) {
			continue
		}
		content, _, err := d.readFile(name)
		switch {
		case errors.Is(err, unix.ENOENT): // replaced meanwhile
			continue
		case err != nil:
			complete = false
			continue
		}
		if r, err := decodeRecord(content); err == nil {
			files = append(files, r.Files...)
		}
	}
	return files, complete
}
