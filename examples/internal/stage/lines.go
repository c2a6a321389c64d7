// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package stage

import "bytes"

// lineWriter calls each with every line that is written to it, without its newline.
// It drops what follows the last newline.
type lineWriter struct {
	each func(string)
	rest []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		line, rest, found := bytes.Cut(w.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		w.each(string(line))
		w.rest = rest
	}
}
