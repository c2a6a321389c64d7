// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
)

// finding is what one reader found of one publisher.
type finding struct {
	publisher publisher
	reader    reader
	tally
}

// measurePublish lets every reader read what every publisher publishes.
func (b *bench) measurePublish(ctx context.Context) error {
	generations, err := newGenerations(4)
	if err != nil {
		return err
	}
	var bad []error
	for _, p := range publishers {
		dir, err := os.MkdirTemp(b.dir, "publish-")
		if err != nil {
			return err
		}
		found, err := p.race(ctx, dir, generations, b.publishes)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		for _, f := range found {
			fmt.Fprintf(b.log, "%s, %s: %s\n", p.name, f.reader.name, f.tally)
			bad = append(bad, f.verdict())
		}
		b.findings = append(b.findings, found...)
	}
	return errors.Join(bad...)
}

// race publishes generations in turn while all readers read. Each has a thread,
// and the kernel shares the cores out among them as among processes.
//
// Between two publishes every reader finishes what it was reading. So none sleeps
// through more generations than are kept, however busy the machine is, and every
// one is there whenever a generation changes.
func (p publisher) race(ctx context.Context, dir string, generations []generation, publishes int) ([]finding, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + len(readers) + 1))
	if err := p.publish(ctx, dir, generations[0]); err != nil {
		return nil, err
	}
	found := make([]finding, len(readers))
	turns := make([]chan struct{}, len(readers))
	reading, stop := context.WithCancel(ctx)
	var ended sync.WaitGroup
	for i, r := range readers {
		turns[i] = make(chan struct{})
		ended.Go(func() { found[i] = finding{p, r, r.watch(reading, dir, p.handle, turns[i])} })
	}
	err := awaitTurns(ctx, turns)
	for n := 1; n <= publishes && err == nil; n++ {
		if err = p.publish(ctx, dir, generations[n%len(generations)]); err == nil {
			err = awaitTurns(ctx, turns)
		}
	}
	stop()
	ended.Wait()
	return found, err
}

// awaitTurns waits until every reader has finished a time that it read.
func awaitTurns(ctx context.Context, turns []chan struct{}) error {
	for _, turn := range turns {
		select {
		case <-turn:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// verdict is an error if the reader found what certagent promises that nobody
// finds, or read nothing, which proves nothing.
func (f finding) verdict() error {
	switch {
	case f.reads == 0:
		return fmt.Errorf("%s, %s: no pair could be read: %w", f.publisher.name, f.reader.name, f.last)
	case f.mustMatch() && f.mismatches > 0:
		return fmt.Errorf("%s, %s: %d pairs did not match, and none may", f.publisher.name, f.reader.name, f.mismatches)
	case f.publisher.ours && f.errors > 0:
		return fmt.Errorf("%s, %s: %d files could not be read, the last for this: %w", f.publisher.name, f.reader.name, f.errors, f.last)
	}
	return nil
}

func (f finding) mustMatch() bool { return slices.Contains(f.publisher.never, f.reader.name) }

// printFindings writes the table of what readers found, in Markdown.
func printFindings(w io.Writer, findings []finding, publishes int) {
	line(w, []string{fmt.Sprintf("%d publishes", publishes), "reader", "reads", "mismatches", "errors", "mismatches allowed"})
	line(w, slices.Repeat([]string{"---"}, 6))
	for _, f := range findings {
		mismatches, allowed := strconv.Itoa(f.mismatches), ""
		if f.mustMatch() {
			allowed = "0"
			if f.mismatches > 0 {
				mismatches = "**" + mismatches + "**"
			}
		}
		line(w, []string{f.publisher.name, f.reader.name, strconv.Itoa(f.reads), mismatches, strconv.Itoa(f.errors), allowed})
	}
}
