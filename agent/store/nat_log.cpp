#include "store/nat_log.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/nat_search.hpp"

namespace proxip::store {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view magic{"pxnat\0\0\1", 8}; // and in it the version of the format
constexpr std::string_view suffix = ".nat";
// What is too old, or too much, goes in pieces of this part of all.
constexpr int parts = 16;
constexpr std::uint64_t least_segment = 64ULL << 10;
constexpr std::uint64_t most_segment = 16ULL << 20;

std::optional<std::uint64_t> number_in(const std::string& name) {
    if (!name.ends_with(suffix)) {
        return std::nullopt;
    }
    const std::string digits = name.substr(0, name.size() - suffix.size());
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos) {
        return std::nullopt;
    }
    return std::strtoull(digits.c_str(), nullptr, 10);
}

Moment modified(const std::string& path) {
    struct stat about{};
    if (::stat(path.c_str(), &about) != 0) {
        return {};
    }
    return Moment(std::chrono::seconds(about.st_mtim.tv_sec)) +
           std::chrono::milliseconds(about.st_mtim.tv_nsec / 1'000'000);
}

// Empty: it cannot be read, or is none of ours.
std::string read_segment(const std::string& path) {
    std::error_code error;
    const auto size = fs::file_size(path, error);
    std::string bytes(error ? 0 : size, '\0');
    std::ifstream file(path, std::ios::binary);
    if (error || !file.read(bytes.data(), static_cast<std::streamsize>(bytes.size())) || !bytes.starts_with(magic)) {
        return {};
    }
    return bytes;
}

Moment first_of(std::string_view header) {
    std::int64_t ms = 0;
    std::memcpy(&ms, header.data() + magic.size(), sizeof ms);
    return Moment(Millis(ms));
}

} // namespace

std::string NatLog::path_of(std::uint64_t number) const {
    return (folder_ / fmt::format("{:012}{}", number, suffix)).string();
}

std::uint64_t NatLog::segment_size() const {
    return std::clamp(bounds_.max_size / parts, least_segment, most_segment);
}

Result<std::unique_ptr<NatLog>> NatLog::open(const fs::path& folder, Bounds bounds, Moment now) {
    if (::mkdir(folder.c_str(), folder_mode) != 0 && errno != EEXIST) {
        return std::unexpected(std::move(fail_errno("make the folder", errno).error()).within(folder.string()));
    }
    std::unique_ptr<NatLog> log(new NatLog(folder, bounds));
    if (auto listed = log->list(); !listed) {
        return std::unexpected(listed.error());
    }
    if (auto resumed = log->resume(now); !resumed) {
        return std::unexpected(resumed.error());
    }
    log->expire(now);
    return log;
}

Result<void> NatLog::list() {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder_, error)) {
        const auto number = number_in(entry.path().filename().string());
        std::ifstream file(entry.path(), std::ios::binary);
        std::string header(header_size, '\0');
        if (!number || !file.read(header.data(), header_size) || !header.starts_with(magic)) {
            continue;
        }
        segments_.push_back({.number = *number,
                             .bytes = entry.file_size(error),
                             .first = first_of(header),
                             .last = modified(entry.path().string())});
    }
    if (error) {
        return std::unexpected(
            std::move(fail_errno("list the folder", error.value()).error()).within(folder_.string()));
    }
    std::ranges::sort(segments_, {}, &Segment::number);
    return {};
}

Result<void> NatLog::resume(Moment now) {
    if (segments_.empty()) {
        return begin_segment(now);
    }
    const Segment newest = segments_.back();
    const std::string path = path_of(newest.number);
    const std::string bytes = read_segment(path);
    std::size_t sound = std::min(bytes.size(), header_size);
    while (const auto record = nat::first_record(std::string_view(bytes).substr(sound))) {
        if (!nat::is_sound(*record)) {
            break;
        }
        if (record->kind == nat::Kind::lost) {
            lost_in_all_ = nat::lost_of(*record);
        }
        sound += record->whole.size();
    }
    Descriptor file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    if (!file.valid() || ::ftruncate(file.get(), static_cast<off_t>(sound)) != 0) {
        return std::unexpected(std::move(fail_errno("open for writing", errno).error()).within(path));
    }
    segments_.pop_back();
    file_ = std::move(file);
    number_ = newest.number;
    bytes_ = sound;
    first_ = newest.first;
    return {};
}

Result<void> NatLog::begin_segment(Moment now) {
    const std::uint64_t number = number_ + 1;
    const std::string path = path_of(number);
    Descriptor file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC, file_mode));
    std::string header(magic);
    const std::int64_t ms = now.time_since_epoch().count();
    header.append(reinterpret_cast<const char*>(&ms), sizeof ms);
    if (!file.valid() || ::write(file.get(), header.data(), header.size()) != static_cast<ssize_t>(header.size())) {
        return std::unexpected(std::move(fail_errno("begin a segment", errno).error()).within(path));
    }
    file_ = std::move(file);
    number_ = number;
    bytes_ = header.size();
    first_ = now;
    names_.clear();
    clock_written_.reset();
    return {};
}

// ---- writing
// ------------------------------------------------------------------------------------------------------------

void NatLog::set_clock(std::chrono::nanoseconds offset) {
    constexpr std::chrono::milliseconds noise{1}; // two clocks are never read at once
    if (std::chrono::abs(offset - clock_) > noise) {
        clock_ = offset;
    }
}

std::uint32_t NatLog::number_of(const std::string& service) {
    const auto found = names_.find(service);
    if (found != names_.end()) {
        return found->second;
    }
    const auto number = static_cast<std::uint32_t>(names_.size());
    names_.emplace(service, number);
    nat::write_name(pending_, number, service);
    return number;
}

void NatLog::append(const NatRecord& record) {
    if (!trouble_ && bytes_ + pending_.size() >= segment_size()) {
        const auto wall = std::chrono::nanoseconds(record.opened ? record.since_ns : record.at_ns) + clock_;
        const Moment now(std::chrono::floor<Millis>(wall));
        if (auto written = write_pending(); !written) {
            trouble_ = written.error();
        }
        seal(now);
    }
    if (clock_written_ != clock_) {
        nat::write_clock(pending_, clock_.count());
        clock_written_ = clock_;
    }
    nat::write_connection(pending_, record, number_of(record.service));
    ++pending_records_;
}

void NatLog::append_begun(Moment now) {
    nat::write_begun(pending_, now);
}

void NatLog::append_lost(Moment now, std::uint64_t in_all) {
    nat::write_lost(pending_, now, in_all);
    lost_in_all_ = in_all;
}

Result<void> NatLog::write_pending() {
    if (pending_.empty()) {
        return {};
    }
    std::string_view rest = pending_;
    while (!rest.empty()) {
        const ssize_t written = ::write(file_.get(), rest.data(), rest.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            const int error = errno;
            // Names and clock that were in it are not in the file: they are written anew, into another segment.
            std::error_code stays; // a reader ends at what is torn
            std::filesystem::resize_file(path_of(number_), bytes_, stays);
            given_up_ += pending_records_;
            pending_.clear();
            pending_records_ = 0;
            names_.clear();
            clock_written_.reset();
            return std::unexpected(std::move(fail_errno("write", error).error()).within(path_of(number_)));
        }
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
    bytes_ += pending_.size();
    pending_.clear();
    pending_records_ = 0;
    return {};
}

bool NatLog::is_due(Moment now) const {
    return bytes_ > header_size && now - first_ >= bounds_.keep / parts;
}

// The segment is full: the next one begins, and room is made for it. When none can be begun, it goes on.
void NatLog::seal(Moment now) {
    const Segment full{.number = number_, .bytes = bytes_, .first = first_, .last = now};
    if (auto begun = begin_segment(now); !begun) {
        trouble_ = begun.error();
        return;
    }
    segments_.push_back(full);
    if (lost_in_all_ > 0) {
        nat::write_lost(pending_, now, lost_in_all_); // the newest segment knows
    }
    expire(now);
}

void NatLog::expire(Moment now) {
    std::uint64_t total = segment_size();
    for (const Segment& segment : segments_) {
        total += segment.bytes;
    }
    while (!segments_.empty() && (total > bounds_.max_size || segments_.front().last < now - bounds_.keep)) {
        (void)::unlink(path_of(segments_.front().number).c_str());
        total -= segments_.front().bytes;
        segments_.pop_front();
    }
}

Result<void> NatLog::flush(Moment now) {
    if (auto written = write_pending(); !written) {
        trouble_ = written.error();
    }
    if (is_due(now)) {
        seal(now);
    }
    expire(now);
    if (trouble_) {
        auto trouble = std::unexpected(std::move(*trouble_));
        trouble_.reset();
        return trouble;
    }
    return {};
}

// ---- reading
// ------------------------------------------------------------------------------------------------------------

std::vector<NatSession> NatLog::find(const NatQuery& query, const std::vector<NatRecord>& live, Moment now) const {
    NatSearch search(query);
    for (const Segment& segment : segments_) {
        search.read(read_segment(path_of(segment.number)), header_size);
    }
    search.read(read_segment(path_of(number_)), header_size);
    return search.sessions(live, clock_, now - bounds_.keep);
}

std::vector<NatSession> find_live(const NatQuery& query, const std::vector<NatRecord>& live,
                                  std::chrono::nanoseconds clock) {
    return NatSearch(query).sessions(live, clock, Moment::min());
}

std::uint64_t NatLog::bytes() const {
    std::uint64_t total = bytes_;
    for (const Segment& segment : segments_) {
        total += segment.bytes;
    }
    return total;
}

Moment NatLog::oldest() const {
    return segments_.empty() ? first_ : segments_.front().first;
}

} // namespace proxip::store
