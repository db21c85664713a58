// SPDX-License-Identifier: GPL-2.0
#include "fuzz/engine.h"

#include <unistd.h>

namespace fuzz {

namespace {

/* Seconds after which an input hangs: SIGALRM ends us. No call waits for longer than
 * Sockets::patience, but an emulated kernel that checks itself is slow, and on a busy
 * machine a call was seen to take 50 s. The host waits for 180. */
constexpr unsigned hang = 150;

} // namespace

bool Engine::take(const Input &input)
{
	const auto line = print_line(name_, input);

	if (in_round_ == 0 || in_round_ >= round_max || !journal_.has_room(line.size())) {
		target_.begin_round();
		journal_.clear();
		in_round_ = 0;
	}
	in_round_++;
	journal_.add(line);
	::alarm(hang);
	coverage_.start();
	target_.execute(input);
	const auto row = coverage_.stop();
	::alarm(0);
	executions_++;
	if (log_)
		if (const auto complaint = log_->complaint())
			throw Fault(*complaint);
	if (!reached_.add(row))
		return false;
	corpus_.push_back({input});
	return true;
}

Engine::Kept &Engine::choose()
{
	auto *best = &corpus_[mutator_.below(corpus_.size())];

	for (int tries = 0; tries < 2; tries++)
		if (auto &other = corpus_[mutator_.below(corpus_.size())]; other.uses < best->uses)
			best = &other;
	return *best;
}

bool Engine::step()
{
	if (corpus_.empty() || mutator_.below(64) == 0)
		return take(mutator_.fresh());
	auto &kept = choose();
	kept.uses++;
	return take(mutator_.change(kept.input, corpus_[mutator_.below(corpus_.size())].input));
}

} // namespace fuzz
