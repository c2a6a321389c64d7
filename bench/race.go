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

// raceResult contains the reads of one reader during one publisher's publishes.
type raceResult struct {
	publisher publisher
	reader    reader
	tally
}

// measurePublish runs every reader against every publisher.
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
		b.results = append(b.results, found...)
	}
	return errors.Join(bad...)
}

// race publishes the generations in turn while all readers read. Each reader has
// its own thread, so that the kernel schedules readers as it schedules processes.
//
// Between two publishes every reader completes a read. So no reader misses more
// generations than are kept, even on a busy machine, and all of them read while a
// generation changes.
func (p publisher) race(ctx context.Context, dir string, generations []generation, publishes int) ([]raceResult, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + len(readers) + 1))
	if err := p.publish(ctx, dir, generations[0]); err != nil {
		return nil, err
	}
	found := make([]raceResult, len(readers))
	turns := make([]chan struct{}, len(readers))
	reading, stop := context.WithCancel(ctx)
	var ended sync.WaitGroup
	for i, r := range readers {
		turns[i] = make(chan struct{})
		ended.Go(func() { found[i] = raceResult{p, r, r.watch(reading, dir, p.handle, turns[i])} })
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

// awaitTurns waits until every reader has completed a read.
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

// verdict returns an error if the reader saw something that certagent rules out,
// or if it read nothing.
func (r raceResult) verdict() error {
	switch {
	case r.reads == 0:
		return fmt.Errorf("%s, %s: no pair could be read: %w", r.publisher.name, r.reader.name, r.last)
	case r.mustMatch() && r.mismatches > 0:
		return fmt.Errorf("%s, %s: %d mismatched pairs, none are allowed", r.publisher.name, r.reader.name, r.mismatches)
	case r.publisher.ours && r.errors > 0:
		return fmt.Errorf("%s, %s: %d files could not be read, last error: %w", r.publisher.name, r.reader.name, r.errors, r.last)
	}
	return nil
}

func (r raceResult) mustMatch() bool { return slices.Contains(r.publisher.never, r.reader.name) }

// printRaceResults writes the table of the readers' results in Markdown.
func printRaceResults(w io.Writer, results []raceResult, publishes int) {
	line(w, []string{fmt.Sprintf("%d publishes", publishes), "reader", "reads", "mismatches", "errors", "mismatches allowed"})
	line(w, slices.Repeat([]string{"---"}, 6))
	for _, r := range results {
		mismatches, allowed := strconv.Itoa(r.mismatches), ""
		if r.mustMatch() {
			allowed = "0"
			if r.mismatches > 0 {
				mismatches = "**" + mismatches + "**"
			}
		}
		line(w, []string{r.publisher.name, r.reader.name, strconv.Itoa(r.reads), mismatches, strconv.Itoa(r.errors), allowed})
	}
}
