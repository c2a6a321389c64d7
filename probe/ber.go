// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe

import (
	"bytes"
	"fmt"
	"io"
)

// element is one value of BER (X.690), as LDAP writes them: tags of one byte and
// definite lengths (RFC 4511, section 5.1). Lengths may be longer than they must
// be, and Active Directory's are; that is why encoding/asn1, which reads DER,
// will not do.
type element struct {
	tag     byte
	content []byte
}

// readBER reads one element and nothing after it.
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
				break // readN says so
			}
		}
	}
	content, err := readN(r, length)
	return element{tag: head[0], content: content}, err
}

// elements returns those that a content begins with. They have to have these
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
