// SPDX-License-Identifier: GPL-2.0
#include "glassctl/sample.h"

#include "glassctl/commands.h"
#include "glassctl/sockets.h"

namespace glass::ctl {

namespace {

Row rate_row(const std::optional<double> &rate)
{
	return rate ? Row(*rate) : Row();
}

/* Counters only rise; one that has fallen is another one's. */
double rate_of(std::uint64_t before, std::uint64_t now, double seconds)
{
	return now < before ? 0 : static_cast<double>(now - before) / seconds;
}

} // namespace

double Sample::rate(const std::string &counter) const
{
	const auto found = rates.find(counter);

	return found == rates.end() ? 0 : found->second;
}

Counters Sample::drops() const
{
	Counters drops;

	for (const auto &[name, value] : counters)
		if (value && name.find("Drop") != std::string::npos)
			drops.emplace_back(name, value);
	return drops;
}

Row watched_row(const WatchedSocket &socket)
{
	Row row = socket_row(socket.view, true);

	row["retrans_per_s"] = rate_row(socket.retransmits);
	row["drops_per_s"] = rate_row(socket.drops);
	return row;
}

Row sample_row(const Sample &sample, std::chrono::steady_clock::time_point begin)
{
	Row row;

	row["time"] = std::chrono::duration<double>(sample.time - begin).count();
	row["seconds"] = sample.seconds;
	row["counters"] = Row::object();
	row["rates"] = Row::object();
	row["sockets"] = Row::array();
	for (const auto &[name, value] : sample.counters) {
		if (value)
			row["counters"][name] = value;
		if (const double rate = sample.rate(name))
			row["rates"][name] = rate;
	}
	for (const WatchedSocket &socket : sample.sockets)
		row["sockets"].push_back(watched_row(socket));
	return row;
}

Sampler::Sampler(const Options &options) : options_(options), control_(open_control()) {}

Sampler::Identity Sampler::identity_of(const SocketView &socket)
{
	if (socket.cookie)
		return {socket.cookie, ""};
	return {0, std::string(type_name(socket.type)) + ' ' + socket.local.text() + ' ' +
			   socket.remote.text()};
}

Sample Sampler::take()
{
	auto counters = control_.counters();
	auto sockets = fetch_sockets(options_);
	decltype(last_sockets_) seen;
	Sample sample;

	if (!counters)
		throw Failure(counters.error(), options_.text, control_.explanation());
	sample.time = std::chrono::steady_clock::now();
	sample.counters = std::move(*counters);
	if (last_)
		sample.seconds = std::chrono::duration<double>(sample.time - *last_).count();
	for (const auto &[name, value] : sample.counters) {
		if (sample.seconds > 0)
			sample.rates[name] = rate_of(last_counters_[name], value, sample.seconds);
		last_counters_[name] = value;
	}
	for (SocketView &socket : sockets) {
		const Identity identity = identity_of(socket);
		const auto before = last_sockets_.find(identity);
		WatchedSocket watched{socket, std::nullopt, std::nullopt};

		if (before != last_sockets_.end() && sample.seconds > 0) {
			const SocketView &old = before->second;

			watched.drops = rate_of(old.drops, socket.drops, sample.seconds);
			if (socket.info && old.info)
				watched.retransmits =
					rate_of(old.info->retransmits, socket.info->retransmits,
						sample.seconds);
		}
		sample.sockets.push_back(std::move(watched));
		seen.emplace(identity, std::move(socket));
	}
	last_sockets_ = std::move(seen);
	last_ = sample.time;
	return sample;
}

} // namespace glass::ctl
