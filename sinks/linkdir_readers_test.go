// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// A way to read the certificate and the key, each of which belongs to a generation.
type reader struct {
	name string
	safe bool // it never finds two generations
	read func(d string) (cert, key int, err error)

	reads, mixed, gone atomic.Int64
}

func readers() []*reader {
	return []*reader{
		{name: "by path", read: func(d string) (int, int, error) { return readPair(unix.AT_FDCWD, d+"/tls.crt", d+"/tls.key") }},
		{name: "by directory handle", safe: true, read: func(d string) (int, int, error) {
			fd, err := unix.Open(d+"/"+dataLink, unix.O_RDONLY|unix.O_DIRECTORY, 0)
			if err != nil {
				return 0, 0, err
			}
			defer unix.Close(fd)
			return readPair(fd, "tls.crt", "tls.key")
		}},
		{name: "combined", safe: true, read: func(d string) (int, int, error) {
			n, err := readNumber(unix.AT_FDCWD, d+"/combined.pem", "combined.pem")
			return n, n, err
		}},
	}
}

func readPair(dir int, cert, key string) (int, int, error) {
	c, err := readNumber(dir, cert, "tls.crt")
	if err != nil {
		return 0, 0, err
	}
	k, err := readNumber(dir, key, "tls.key")
	return c, k, err
}

// readNumber returns -1 for incomplete content.
func readNumber(dir int, path, name string) (int, error) {
	fd, err := unix.Openat(dir, path, unix.O_RDONLY, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	buf := make([]byte, 512)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return 0, err
	}
	return numberOf(name, buf[:n]), nil
}

// runReaders runs all readers in a loop while publish runs.
func runReaders(t testing.TB, d string, all []*reader, publish func()) {
	t.Helper()
	var stop atomic.Bool
	var done sync.WaitGroup
	for _, r := range all {
		done.Go(func() {
			for !stop.Load() {
				cert, key, err := r.read(d)
				r.reads.Add(1)
				switch {
				case errors.Is(err, os.ErrNotExist): // three generations were published meanwhile
					r.gone.Add(1)
				case err != nil:
					t.Errorf("%s: %v", r.name, err)
					return
				case cert != key || cert < 0:
					r.mixed.Add(1)
				}
			}
		})
	}
	publish()
	stop.Store(true)
	done.Wait()
	for _, r := range all {
		t.Logf("%-19s reads=%d mismatches=%d gone=%d", r.name, r.reads.Load(), r.mixed.Load(), r.gone.Load())
		if r.safe && r.mixed.Load() != 0 {
			t.Errorf("%s: %d mismatches", r.name, r.mixed.Load())
		}
		if r.reads.Load() < 100 {
			t.Errorf("%s: only %d reads", r.name, r.reads.Load())
		}
	}
}

// TestLinkDirReaders: a reader that opens "..data" and then the files in it, or that
// reads one file with all contents, never finds two generations. A reader that opens two
// paths can, rarely.
func TestLinkDirReaders(t *testing.T) {
	t.Parallel()
	d := filepath.Join(memory(t), "d")
	number := 1
	next := func() {
		publishLinkDir(t, d, number, "tls.crt", "tls.key", "combined.pem")
		number++
	}
	next()
	runReaders(t, d, readers(), func() {
		for range 1000 {
			next()
		}
	})
}

// TestAdoptPlainFilesReaders: a reader that reads by path while plain files become links
// always finds the old contents.
func TestAdoptPlainFilesReaders(t *testing.T) {
	t.Parallel()
	d := memory(t)
	byPath := readers()[:1]
	byPath[0].safe = true
	for _, name := range []string{"tls.crt", "tls.key"} {
		write(t, filepath.Join(d, name), string(contentOf(name, 1)), 0o600)
	}
	runReaders(t, d, byPath, func() {
		for range 200 {
			publishLinkDir(t, d, 1, "tls.crt", "tls.key")
			for _, name := range []string{"tls.key", "tls.crt"} { // as if another program replaced the links by files
				temp := filepath.Join(d, "temp")
				write(t, temp, string(contentOf(name, 1)), 0o600)
				must(t, os.Rename(temp, filepath.Join(d, name)))
			}
		}
	})
}
