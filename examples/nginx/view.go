// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"
)

// heading is the first line of the live view.
func (d *demo) heading() {
	fmt.Fprintf(d.out, "%8s  %-8s  %-14s  %-14s  %-8s  %-11s  %8s  %6s  %7s\n",
		"rotation", "time", "serial on disk", "serial served", "verified", "valid until", "requests", "failed", "reloads")
}

// show is the line of a rotation.
func (d *demo) show(r rotation) {
	fmt.Fprintf(d.out, "%8d  %-8s  %-14s  %-14s  %-8s  %-11s  %8d  %6d  %7d\n",
		r.number, r.at.Format(time.TimeOnly), short(r.disk), short(r.served), d.proof(r), r.disk.NotAfter.Local().Format(time.TimeOnly),
		d.traffic.requests.Load(), d.traffic.failed.Load(), r.reloads)
}

func (d *demo) proof(r rotation) string {
	switch {
	case !d.form.proves:
		return "-"
	case r.verified:
		return "yes"
	}
	return "no"
}

// hear takes in what certagent has logged, and tells of vetoes.
func (d *demo) hear() error {
	news, err := d.story.listen()
	for range strings.Count(news, vetoed) {
		fmt.Fprintf(d.out, "%8s  %-8s  the check refuses the next certificate: this one stays\n", "", time.Now().Format(time.TimeOnly))
	}
	return err
}

// short is the beginning of a serial number.
func short(c *x509.Certificate) string {
	text := serial(c)
	return text[:min(len(text), len("00:00:00:00"))] + "…"
}
