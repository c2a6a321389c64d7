// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"io"
	"time"
)

// view prints a line for each token and each run of the command.
type view struct {
	out     io.Writer
	last    event // the last look-up
	lookUps int   // of that token
}

func (v *view) show(e event) {
	switch {
	case e.kind == commandRan:
		v.print("the command ran after token %s", short(e.digest))
	case e.digest == v.last.digest:
		v.last = e
		v.lookUps++
	case v.last.digest == "":
		v.print("token %s lives for %v, meta %v", short(e.digest), e.left, e.meta)
		v.last, v.lookUps = e, 1
	default:
		v.print("token %s lives for %v; the previous one: %d look-ups, %v left", short(e.digest), e.left, v.lookUps, v.last.left)
		v.last, v.lookUps = e, 1
	}
}

func (v *view) print(format string, args ...any) {
	fmt.Fprintf(v.out, "%s  %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

// short returns a prefix of a digest that tells tokens apart.
func short(digest string) string { return digest[:min(len(digest), 8)] }
