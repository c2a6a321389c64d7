// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe

import (
	"bytes"
	"fmt"
	"io"
)

// element is a BER value (X.690) as in LDAP: with a tag of one byte and a definite
// length (RFC 4511, section 5.1). The encoding of the length may be longer than
// necessary, as in Active Directory. So encoding/asn1, which reads DER, cannot be used.
type element struct {
	tag     byte
	content []byte
}

// readBER reads one element and no byte after it.
func readBER(r io.Reader) (element, error) {
	head, err := readN(r, 2)
	if err != nil {
		return element{}, err
	}
	length := int(head[1])
	if length >= 0x80 {
		long, err := readN(r, length&0x7f)
		if err != nil {
			return element{}, err
		}
		length = 0
		for _, b := range long {
			if length = length<<8 | int(b); length > maxAnswer {
				break // readN returns the error
			}
		}
	}
	content, err := readN(r, length)
	return element{tag: head[0], content: content}, err
}

// elements returns the elements at the beginning of content, which must have the given
// tags.
func elements(content []byte, tags ...byte) ([]element, error) {
	r := bytes.NewReader(content)
	found := make([]element, len(tags))
	for i, tag := range tags {
		e, err := readBER(r)
		if err != nil {
			return nil, err
		}
		if e.tag != tag {
			return nil, fmt.Errorf("tag %#x instead of %#x", e.tag, tag)
		}
		found[i] = e
	}
	return found, nil
}
