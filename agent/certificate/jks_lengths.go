// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"encoding/binary"
	"errors"
)

// checkJKSLengths walks through a JKS file without its digest, and returns an error if a
// length or a number in it exceeds what is left of the file. The library allocates what
// they say before it reads on: gigabytes, for a file of a kilobyte.
func checkJKSLengths(content []byte) error {
	const privateKey, trusted = 1, 2
	r := jksReader{rest: content}
	r.skip(4) // the magic number
	certificate := func() {
		if r.version == 2 {
			r.skip(r.number(2)) // its type
		}
		r.skip(r.number(4))
	}
	r.version = r.number(4)
	for range r.number(4) {
		tag := r.number(4)
		r.skip(r.number(2)) // the alias
		r.skip(8)           // the date
		switch tag {
		case privateKey:
			r.skip(r.number(4))
			n := r.number(4)
			if n > len(r.rest)/4 {
				r.failed = true
			}
			for range n {
				if certificate(); r.failed {
					break
				}
			}
		case trusted:
			certificate()
		default:
			r.failed = true
		}
		if r.failed {
			return errors.New("the file is damaged: a length in it exceeds the file")
		}
	}
	return nil
}

// jksReader is what is left of a JKS file.
type jksReader struct {
	rest    []byte
	version int
	failed  bool // there was less than expected
}

// number reads a number of size bytes, 2 or 4; 0 if there are fewer.
func (r *jksReader) number(size int) int {
	b := r.rest
	if r.skip(size); r.failed {
		return 0
	}
	if size == 2 {
		return int(binary.BigEndian.Uint16(b))
	}
	return int(binary.BigEndian.Uint32(b))
}

func (r *jksReader) skip(n int) {
	if n > len(r.rest) {
		r.failed, n = true, len(r.rest)
	}
	r.rest = r.rest[n:]
}
