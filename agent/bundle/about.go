// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"strconv"
	"strings"

	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/certinfo"
)

// about is what a command is told of the bundle that it runs for.
type about struct {
	bundle, directory string
	files             []string
	generation        uint64
	serials           []string
	reason            string
}

// The values of CERTAGENT_REASON.
const (
	reasonCheck     = "check"      // the command is a check
	reasonPublished = "published"  // a generation was published
	reasonRetry     = "retry"      // the command has failed for this generation before
	reasonServedOld = "served_old" // the command has succeeded, but the old certificate is served
	reasonFallback  = "fallback"   // the same, and this command is the fallback
)

func reasonFor(p plan.PendingChange) string {
	switch {
	case p.Fallback:
		return reasonFallback
	case p.Again:
		return reasonServedOld
	case p.Failures > 0:
		return reasonRetry
	}
	return reasonPublished
}

// about returns what a command is told of what is published.
func (b *Bundle) about(reason string) about {
	a := about{bundle: b.name, generation: b.published.record.Generation, reason: reason}
	if b.block != nil {
		a.directory = b.block.Directory
	}
	for _, m := range b.templates {
		if m.variable == "" {
			a.files = append(a.files, m.file.Path)
		}
	}
	for _, m := range b.certificates {
		a.files = append(a.files, m.paths()...)
	}
	for _, leaf := range b.published.leaves {
		a.serials = append(a.serials, certinfo.Serial(leaf))
	}
	return a
}

// longestList bounds a variable: a program cannot be started with one of 128 KiB.
const longestList = 64 << 10

// aboutVariables returns the variables that tell a command for which bundles it runs.
// Those with one value for each bundle have one line for each, in the same order.
func aboutVariables(all []about) []string {
	var bundles, directories, files, generations, serials, reasons []string
	for _, a := range all {
		bundles, directories = append(bundles, a.bundle), append(directories, a.directory)
		generations = append(generations, strconv.FormatUint(a.generation, 10))
		reasons = append(reasons, a.reason)
		files, serials = append(files, a.files...), append(serials, a.serials...)
	}
	var env []string
	for _, v := range []struct {
		name  string
		lines []string
	}{
		{"BUNDLE", bundles}, {"DIRECTORY", directories}, {"FILES", files}, {"GENERATION", generations}, {"SERIAL", serials}, {"REASON", reasons},
	} {
		if value := strings.Join(v.lines, "\n"); len(value) <= longestList {
			env = append(env, "CERTAGENT_"+v.name+"="+value)
		}
	}
	return env
}
