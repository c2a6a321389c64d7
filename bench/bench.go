// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// bench is the state that all measurements share.
type bench struct {
	options
	agents []agent
	server *server
	dir    string
	table  table
	log    io.Writer

	results []raceResult
}

// measurement fills some rows of the table.
type measurement struct {
	name string
	run  func(*bench, context.Context) error
}

var measurements = []measurement{
	{"binary", (*bench).measureBinary},
	{"one", (*bench).measureOne},
	{"many", (*bench).measureMany},
	{"tenfold", (*bench).measureTenfold},
	{"idle", (*bench).measureIdle},
	{"reader", (*bench).measureReader},
	{"crash", (*bench).measureCrash},
	{"publish", (*bench).measurePublish}, // last, since it fails on mismatched pairs
}

func measurementNames() []string {
	var names []string
	for _, m := range measurements {
		names = append(names, m.name)
	}
	return names
}

// measure runs the measurements that the flags name and prints the tables.
func measure(ctx context.Context, o options, stdout, log io.Writer) error {
	chosen, err := o.chosen()
	if err != nil {
		return err
	}
	b := &bench{options: o, log: log}
	if b.agents, err = o.agents(); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp(o.dir, "certagent-bench-"); err != nil {
		return err
	}
	// Some file systems are slow for minutes after many files were removed, so this
	// comes last.
	defer os.RemoveAll(b.dir)
	if b.server, err = startServer(ctx); err != nil {
		return err
	}
	defer b.server.close()
	for _, m := range chosen {
		if err = m.run(b, ctx); err != nil {
			err = fmt.Errorf("measuring %q: %w", m.name, err)
			break
		}
	}
	b.print(stdout) // including the rows before an error
	return err
}

// print writes the tables and the environment.
func (b *bench) print(w io.Writer) {
	if len(b.table.rows) > 0 {
		b.table.print(w, b.agents)
		fmt.Fprintln(w)
	}
	if len(b.results) > 0 {
		printRaceResults(w, b.results, b.publishes)
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, b.environment())
}

// chosen returns the measurements that -only names.
func (o options) chosen() ([]measurement, error) {
	if o.only == "" {
		return measurements, nil
	}
	var chosen []measurement
	for name := range strings.SplitSeq(o.only, ",") {
		i := slices.IndexFunc(measurements, func(m measurement) bool { return m.name == name })
		if i < 0 {
			return nil, fmt.Errorf("-only: unknown measurement %q; known: %s", name, strings.Join(measurementNames(), ", "))
		}
		chosen = append(chosen, measurements[i])
	}
	return chosen, nil
}

func (b *bench) measureBinary(context.Context) error {
	r := b.table.add("binary", 30*mebibyte, mebibytes)
	for _, a := range b.agents {
		info, err := os.Stat(a.binary)
		if err != nil {
			return err
		}
		r.set(a, float64(info.Size()))
	}
	return nil
}

func (b *bench) measureOne(ctx context.Context) error {
	memory := b.table.add("memory, 1 certificate", 20*mebibyte, mebibytes)
	wall := b.table.add("start to files, 1 certificate", 0.05, seconds)
	cpu := b.table.add("CPU of the start, 1 certificate", unlimited, seconds)
	samples, err := b.starts(ctx, b.agents, 1)
	for _, a := range b.agents {
		if len(samples[a.name]) == 0 {
			continue
		}
		s := median(samples[a.name])
		memory.set(a, float64(s.memory))
		wall.set(a, s.wall.Seconds())
		cpu.set(a, s.cpu.Seconds())
	}
	return err
}

func (b *bench) measureMany(ctx context.Context) error {
	n := b.certificates
	wall := b.table.add(fmt.Sprintf("start to files, %d certificates", n), 2.2, seconds)
	cpu := b.table.add(fmt.Sprintf("CPU of the start, %d certificates", n), 1.6, seconds)
	memory := b.table.add(fmt.Sprintf("memory, %d certificates", n), 60*mebibyte, mebibytes)
	requests := b.table.add(fmt.Sprintf("requests, %d certificates", n), float64(n+1), number)
	server := b.table.add(fmt.Sprintf("server CPU, %d certificates", n), unlimited, seconds)
	samples, err := b.starts(ctx, b.agents, n)
	for _, a := range b.agents {
		if len(samples[a.name]) == 0 {
			continue
		}
		s := median(samples[a.name])
		wall.set(a, s.wall.Seconds())
		cpu.set(a, s.cpu.Seconds())
		memory.set(a, float64(s.memory))
		requests.set(a, float64(s.requests))
		server.set(a, s.server.Seconds())
	}
	return err
}

// measureTenfold measures the first agent only, since the others take minutes.
func (b *bench) measureTenfold(ctx context.Context) error {
	n, a := b.certificates, b.agents[0]
	wall := b.table.add(fmt.Sprintf("time ratio of %d to %d certificates", 10*n, n), 11, times)
	cpu := b.table.add(fmt.Sprintf("CPU ratio of %d to %d certificates", 10*n, n), 11, times)
	few, err := b.starts(ctx, b.agents[:1], n)
	if err != nil {
		return err
	}
	many, err := b.starts(ctx, b.agents[:1], 10*n)
	if err != nil {
		return err
	}
	x, y := median(few[a.name]), median(many[a.name])
	wall.set(a, y.wall.Seconds()/x.wall.Seconds())
	cpu.set(a, y.cpu.Seconds()/x.cpu.Seconds())
	return nil
}

func (b *bench) measureIdle(ctx context.Context) error {
	r := b.table.add(fmt.Sprintf("idle CPU, %d certificates, %v", b.certificates, b.idle), unlimited, seconds)
	for _, a := range b.agents {
		_, err := b.start(ctx, a, b.certificates, func(p *process) error {
			before, err := p.cpu()
			if err != nil {
				return err
			}
			if err := sleep(ctx, b.idle); err != nil {
				return err
			}
			after, err := p.cpu()
			r.set(a, (after - before).Seconds())
			return err
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(b.log, "%s: idle\n", a.name)
	}
	return nil
}

func (b *bench) measureReader(ctx context.Context) error {
	pairs := b.table.add(fmt.Sprintf("mismatched pairs seen by a reader, %d rotations", b.rotations), unlimited, number)
	reloads := b.table.add("reloads per rotation", 1, times)
	for _, a := range b.agents {
		s, err := b.watchRotations(ctx, a)
		if err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		fmt.Fprintf(b.log, "%s: %+v\n", a.name, s)
		pairs.set(a, float64(s.mismatched))
		reloads.set(a, float64(s.reloads)/float64(s.generations))
	}
	return nil
}

func (b *bench) measureCrash(ctx context.Context) error {
	killed := b.table.add(fmt.Sprintf("mismatched pairs on disk after %d kills during a rotation", b.kills), unlimited, number)
	restarted := b.table.add("mismatched pairs after a restart with Vault sealed", none, number)
	for _, a := range b.agents {
		r, err := b.crash(ctx, a)
		if err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		fmt.Fprintf(b.log, "%s: %+v\n", a.name, r)
		killed.set(a, float64(r.afterKill))
		restarted.set(a, float64(r.afterRestart))
	}
	return nil
}

// starts measures the agents in turn, so that a slow phase of the machine affects
// all of them.
func (b *bench) starts(ctx context.Context, agents []agent, n int) (map[string][]sample, error) {
	samples := make(map[string][]sample)
	for range b.runs {
		for _, a := range agents {
			s, err := b.start(ctx, a, n, nil)
			if err != nil {
				return samples, fmt.Errorf("%s: %w", a.name, err)
			}
			fmt.Fprintf(b.log, "%s, %d: %v, CPU %v (server: %v), %.1f MiB, %d requests\n",
				a.name, n, s.wall.Round(time.Millisecond), s.cpu.Round(time.Millisecond), s.server.Round(time.Millisecond), float64(s.memory)/mebibyte, s.requests)
			samples[a.name] = append(samples[a.name], s)
		}
	}
	return samples, nil
}

// median returns the median of each value.
func median(samples []sample) sample {
	return sample{
		server:   middle(samples, func(s sample) time.Duration { return s.server }),
		wall:     middle(samples, func(s sample) time.Duration { return s.wall }),
		cpu:      middle(samples, func(s sample) time.Duration { return s.cpu }),
		memory:   middle(samples, func(s sample) int64 { return s.memory }),
		requests: middle(samples, func(s sample) int { return s.requests }),
	}
}

func middle[T int | int64 | time.Duration](samples []sample, value func(sample) T) T {
	var values []T
	for _, s := range samples {
		values = append(values, value(s))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
