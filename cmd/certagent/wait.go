// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/certagent/certagent/agent"
	"github.com/certagent/certagent/agent/bundle"
	"github.com/certagent/certagent/agent/watch"
)

const (
	defaultWait = 60 * time.Second
	// waitInterval is how often the files are checked without a change: a certificate
	// can become valid by time alone.
	waitInterval = 2 * time.Second
	// settling is how long files that do not go together are looked at again: they may be
	// in the midst of a publication, which replaces them one by one.
	settling         = time.Second
	settlingInterval = settling / 10
	// mostUnwatching is how long the end of the watcher is waited for.
	mostUnwatching = time.Second
	// mostMissing is how many missing files are named.
	mostMissing = 5
)

// runWait implements "certagent wait".
func runWait(args []string, s streams) int {
	var c configFlags
	timeout := defaultWait
	flags := flag.NewFlagSet("wait", flag.ContinueOnError)
	c.register(flags)
	flags.Func("timeout", "", func(text string) (err error) {
		timeout, err = parseTimeout(text)
		return err
	})
	if code, ok := parse(flags, args, s, usageWait); !ok {
		return code
	}
	if len(c.paths) == 0 {
		complain(s.err, "no configuration given", "name a file or a directory: certagent wait -config=PATH")
		return exitUsage
	}
	cfg, problems := c.load()
	if cfg == nil {
		fmt.Fprintln(s.err, printableLines(problems.Error()))
		complain(s.err, count(len(problems.Errors()), "error")+" in the configuration", "fix the lines above; certagent validate checks them")
		return exitConfig
	}
	disk, err := bundle.OnDisk(cfg)
	if err != nil {
		complain(s.err, err.Error(), "certagent validate checks the configuration without starting anything")
		return exitConfig
	}
	if missing := awaitFiles(disk, timeout); len(missing) > 0 {
		hint := "certagent agent publishes them, and its log says what it waits for; -timeout sets how long to wait here"
		if slices.ContainsFunc(missing, func(line string) bool { return strings.HasSuffix(line, ": "+syscall.EACCES.Error()) }) {
			hint = "run certagent wait as a user who may read every file, the private keys too"
		}
		complain(s.err, fmt.Sprintf("files are missing after %s: %s", timeout, some(missing)), hint)
		return agent.ExitMissing
	}
	return exitOK
}

// parseTimeout parses the value of -timeout.
func parseTimeout(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, errors.New("must be a duration, such as 90s or 5m, or 0 to check once")
	}
	return d, nil
}

// awaitFiles waits until no file is missing or the time-out has passed, and returns
// the missing files. It checks at least once, and files that do not go together for a
// moment longer.
func awaitFiles(disk *bundle.Disk, timeout time.Duration) (missing []string) {
	missing, settled := awaitChanges(disk, timeout)
	for range settling / settlingInterval {
		if len(missing) == 0 || settled {
			break
		}
		time.Sleep(settlingInterval)
		missing, settled = disk.Missing(time.Now())
	}
	return missing
}

func awaitChanges(disk *bundle.Disk, timeout time.Duration) (missing []string, settled bool) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	watcher := watch.New(nil, watch.Options{})
	subscribed := make(chan *watch.Subscription, 1)
	var changed <-chan struct{} // nil until then
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		subscribed <- watcher.Subscribe(disk.Paths())
		_ = watcher.Run(ctx) // it fails only when ctx ends
	}()
	defer func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(mostUnwatching): // held up by a file system that does not answer
		}
	}()
	ticker := time.NewTicker(waitInterval)
	defer ticker.Stop()
	for {
		over := ctx.Err() != nil // before the last check
		if missing, settled = disk.Missing(time.Now()); len(missing) == 0 || over {
			return missing, settled
		}
		select {
		case <-ctx.Done():
		case s := <-subscribed:
			changed = s.C()
		case <-changed:
		case <-ticker.C:
		}
	}
}

// some returns a text with the first few of all.
func some(all []string) string {
	if len(all) <= mostMissing {
		return strings.Join(all, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(all[:mostMissing], "; "), len(all)-mostMissing)
}
