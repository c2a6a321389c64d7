// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/certagent/certagent/redact"
)

// BenchmarkPublish publishes a thousand sets of three files, 32 at a time, as at the
// first start and as at a rotation. TMPDIR should be on a disk.
func BenchmarkPublish(b *testing.B) {
	const sets, callers = 1000, 32
	dir := b.TempDir()
	round := 0
	all := func() {
		round++
		content := redact.Bytes(bytes.Repeat(fmt.Appendf(nil, "%08d\n", round), 130))
		work := make(chan int)
		var workers sync.WaitGroup
		for range callers {
			workers.Go(func() {
				for i := range work {
					name := fmt.Sprintf("set%d", i)
					file := func(suffix string, key bool) File {
						return File{Path: filepath.Join(dir, name+suffix), Content: content, UID: -1, GID: -1, Key: key}
					}
					publish(b, Generation{Name: name, Files: []File{file(".key", true), file(".crt", false), file(".ca", false)}})
				}
			})
		}
		for i := range sets {
			work <- i
		}
		close(work)
		workers.Wait()
	}
	first := usage()
	all()
	b.Logf("first start: %v", usage().since(first))
	for b.Loop() {
		before := usage()
		all()
		spent := usage().since(before)
		b.ReportMetric(spent.cpu.Seconds(), "cpu-s/op")
	}
}

// BenchmarkLinkDir is BenchmarkPublish with a LinkDir for each set.
func BenchmarkLinkDir(b *testing.B) {
	const sets, callers = 1000, 32
	dir := b.TempDir()
	round := 0
	for b.Loop() {
		round++
		before := usage()
		work := make(chan int)
		var workers sync.WaitGroup
		for range callers {
			workers.Go(func() {
				for i := range work {
					publishLinkDir(b, filepath.Join(dir, fmt.Sprint(i)), round, "tls.crt", "tls.key", "ca.crt")
				}
			})
		}
		for i := range sets {
			work <- i
		}
		close(work)
		workers.Wait()
		b.ReportMetric(usage().since(before).cpu.Seconds(), "cpu-s/op")
	}
}

// BenchmarkLinkDirReaders counts what each way to read finds while 1000 generations are
// published.
func BenchmarkLinkDirReaders(b *testing.B) {
	d := filepath.Join(memory(b), "d")
	number := 1
	for b.Loop() {
		all := readers()
		publishLinkDir(b, d, number, "tls.crt", "tls.key", "combined.pem")
		runReaders(b, d, all, func() {
			for range 1000 {
				number++
				publishLinkDir(b, d, number, "tls.crt", "tls.key", "combined.pem")
			}
		})
		for _, r := range all {
			unit := strings.ReplaceAll(r.name, " ", "-")
			b.ReportMetric(float64(r.mixed.Load()), unit+"-mismatches")
			b.ReportMetric(float64(r.reads.Load()), unit+"-reads")
		}
	}
}

type spent struct {
	wall time.Time
	cpu  time.Duration
}

func usage() spent {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return spent{time.Now(), time.Duration(u.Utime.Nano() + u.Stime.Nano())}
}

type cost struct{ wall, cpu time.Duration }

func (c cost) String() string { return fmt.Sprintf("%v wall, %v cpu", c.wall, c.cpu) }

func (s spent) since(before spent) cost {
	return cost{s.wall.Sub(before.wall).Round(time.Millisecond), (s.cpu - before.cpu).Round(time.Millisecond)}
}
