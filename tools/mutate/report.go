// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// report collects the verdicts.
type report struct {
	options
	out     io.Writer
	known   []entry
	matched map[string]bool // keys of mutants in the list that survived or were not run
	counts  map[verdict]int
	allowed int
	missed  int // survivors that are not in the list because no test runs the line
	faults  int
}

func newReport(o options, out io.Writer, known []entry) *report {
	return &report{options: o, out: out, known: known, matched: make(map[string]bool), counts: make(map[verdict]int)}
}

// judgeAll tests the mutants, several at once, and reports them in their order.
func judgeAll(ctx context.Context, b *bench, covered *coverage, mutants []mutant, r *report) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	verdicts := make([]verdict, len(mutants))
	next := make(chan int)
	var workers sync.WaitGroup
	for range r.workers {
		workers.Go(func() {
			for i := range next {
				var err error
				if verdicts[i], err = b.judge(ctx, mutants[i], covered.testsOf(mutants[i])); err != nil {
					cancel(err)
				}
			}
		})
	}
	selected := make([]bool, len(mutants))
	progress := time.Now()
	for i, m := range mutants {
		if time.Since(progress) > time.Minute {
			progress = time.Now()
			fmt.Fprintf(os.Stderr, "mutate: %s: %d of %d mutants\n", r.directory, i, len(mutants))
		}
		if selected[i] = r.files.MatchString(filepath.Base(m.file.path)); !selected[i] {
			continue
		}
		if len(covered.testsOf(m)) == 0 {
			verdicts[i] = uncovered
			continue
		}
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	workers.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for i, m := range mutants {
		if selected[i] {
			r.add(m, verdicts[i])
		} else {
			r.matched[m.key()] = true
		}
	}
	return nil
}

// isEquivalent reports whether the list has the mutant.
func (r *report) isEquivalent(m mutant) bool {
	for _, e := range r.known {
		if e.pkg == r.directory && e.key == m.key() {
			return true
		}
	}
	return false
}

func (r *report) add(m mutant, v verdict) {
	r.counts[v]++
	if r.verbose {
		fmt.Fprintf(r.out, "%-9s %v\n", [...]string{"killed", "timed out", "invalid", "survived", "uncovered"}[v], m)
	}
	if v != survived && v != uncovered {
		return
	}
	if r.isEquivalent(m) {
		r.matched[m.key()] = true
		r.allowed++
		return
	}
	r.faults++
	note := ""
	if v == uncovered {
		r.missed++
		note = " (no test runs this line)"
	}
	fmt.Fprintf(r.out, "%v, in %s%s\n", m, m.where(), note)
}

// finish prints the entries that match nothing and the sum, and reports whether
// all is well.
func (r *report) finish(took time.Duration) bool {
	for _, e := range r.known {
		if e.pkg == r.directory && !r.matched[e.key] {
			r.faults++
			fmt.Fprintf(r.out, "%s:%d: this mutant does not exist, or a test kills it: remove the entry\n", r.equivalent, e.line)
		}
	}
	run := r.counts[killed] + r.counts[timedOut] + r.counts[survived] + r.counts[uncovered]
	fmt.Fprintf(r.out, "mutate: %s: %d mutants, %d killed (%d by time), %d equivalent, %d survived (%d without a test); %d did not compile; %s\n",
		r.directory, run, r.counts[killed]+r.counts[timedOut], r.counts[timedOut], r.allowed,
		r.counts[survived]+r.counts[uncovered]-r.allowed, r.missed, r.counts[invalid], took.Round(time.Second))
	return r.faults == 0
}
