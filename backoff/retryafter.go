// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package backoff

import (
	"math"
	"strconv"
	"time"
)

// dateFormats are the forms of a date in HTTP (RFC 9110, 5.6.7), as net/http
// reads them.
var dateFormats = []string{"Mon, 02 Jan 2006 15:04:05 GMT", time.RFC850, time.ANSIC}

// RetryAfter reads the header of that name (RFC 9110, 10.2.3): a number of
// seconds, or a date. It returns 0 for anything else and for what is past, and
// never less. The result may be arbitrarily long.
func RetryAfter(header string, now time.Time) time.Duration {
	if n, err := strconv.ParseInt(header, 10, 64); err == nil {
		if n > math.MaxInt64/int64(time.Second) {
			return math.MaxInt64
		}
		return time.Duration(max(n, 0)) * time.Second
	}
	for _, format := range dateFormats {
		if date, err := time.Parse(format, header); err == nil {
			return max(date.Sub(now), 0)
		}
	}
	return 0
}
