// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/certagent/certagent/safefile"
)

// rotateRetry is how long after a failed rotation the next one is tried.
const rotateRetry = time.Minute

// logFile is a log file that is rotated as Vault Agent does: at a size or an age it is
// renamed to "name-<nanoseconds>.ext", and a limited number of old files is kept. It is
// for one goroutine.
type logFile struct {
	dir, stem, ext string
	bytes          int64         // 0: no limit
	duration       time.Duration // 0: no limit
	maxFiles       int           // 0: keep all; negative: keep none
	now            func() time.Time
	rotated        func(error) // called when a rotation fails

	file    *os.File // nil if it could not be opened again
	rotates bool
	size    int64
	opened  time.Time
	retry   time.Time // no rotation before, because one has failed
}

// openLogFile opens the file for appending.
func openLogFile(path string, bytes int64, duration time.Duration, maxFiles int, now func() time.Time) (*logFile, error) {
	ext := filepath.Ext(path)
	l := &logFile{
		dir: filepath.Dir(path), stem: strings.TrimSuffix(filepath.Base(path), ext), ext: ext,
		bytes: bytes, duration: duration, maxFiles: maxFiles, now: now, rotated: func(error) {},
	}
	return l, l.open()
}

func (l *logFile) path() string { return filepath.Join(l.dir, l.stem+l.ext) }

func (l *logFile) open() error {
	f, err := safefile.OpenAppend(l.path(), 0o600)
	if err != nil {
		return fmt.Errorf("opening log_file: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return fmt.Errorf("opening log_file: %w", err)
	}
	l.file, l.size, l.opened = f, info.Size(), l.now()
	l.rotates = info.Mode().IsRegular() // not /dev/stdout
	return nil
}

// Write writes one line of the log.
func (l *logFile) Write(p []byte) (int, error) {
	if l.due(len(p)) {
		if err := l.rotate(); err != nil {
			l.retry = l.now().Add(rotateRetry)
			l.rotated(err)
		}
	}
	if l.file == nil {
		if err := l.open(); err != nil {
			return 0, err
		}
	}
	n, err := l.file.Write(p)
	l.size += int64(n)
	return n, err
}

// due reports whether the file must be rotated before n more bytes are written.
func (l *logFile) due(n int) bool {
	now := l.now()
	if l.file == nil || !l.rotates || l.size == 0 || now.Before(l.retry) {
		return false
	}
	return l.bytes > 0 && l.size+int64(n) > l.bytes || l.duration > 0 && now.Sub(l.opened) >= l.duration
}

func (l *logFile) rotate() error {
	l.file.Close()
	l.file = nil
	old := filepath.Join(l.dir, l.stem+"-"+strconv.FormatInt(l.now().UnixNano(), 10)+l.ext)
	renamed := os.Rename(l.path(), old)
	if err := l.open(); err != nil {
		return err
	}
	if renamed != nil {
		return renamed
	}
	return l.prune()
}

// prune removes the oldest of the rotated files.
func (l *logFile) prune() error {
	if l.maxFiles == 0 {
		return nil
	}
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return err
	}
	var rotated []string
	for _, e := range entries {
		if l.rotatedName(e) {
			rotated = append(rotated, e.Name())
		}
	}
	slices.Sort(rotated) // the numbers have equal lengths until the year 2286
	for len(rotated) > max(l.maxFiles, 0) {
		if err := os.Remove(filepath.Join(l.dir, rotated[0])); err != nil {
			return err
		}
		rotated = rotated[1:]
	}
	return nil
}

func (l *logFile) rotatedName(e fs.DirEntry) bool {
	number, ok := strings.CutPrefix(strings.TrimSuffix(e.Name(), l.ext), l.stem+"-")
	_, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || !e.Type().IsRegular() {
		return false
	}
	info, err := e.Info()
	if err != nil { // it has just been removed
		return false
	}
	uid, _ := safefile.Owner(info)
	return uid == 0 || uid == os.Geteuid() // nobody else has made it for us
}

// Close closes the file.
func (l *logFile) Close() error {
	if l.file == nil {
		return nil
	}
	f := l.file
	l.file = nil
	return f.Close()
}
