#include "cli/follow.hpp"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <memory>
#include <ostream>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "cli/pcap.hpp"
#include "cli/render.hpp"
#include "cli/render_follow.hpp"

namespace proxip::cli {
namespace {

// A capture file, or none.
class File {
  public:
    [[nodiscard]] static Result<std::unique_ptr<File>> open(const Follow& follow, std::ostream& standard) {
        if (!follow.write) {
            return nullptr;
        }
        auto file = std::make_unique<File>();
        if (*follow.write != "-") {
            errno = 0;
            file->out_.open(*follow.write, std::ios::binary | std::ios::trunc);
            if (!file->out_) {
                auto error = fail_errno("cannot be written", errno);
                error.error().path = *follow.write;
                return error;
            }
        }
        file->name_ = *follow.write;
        file->to_ = *follow.write == "-" ? &standard : &file->out_;
        file->writer_ = std::make_unique<PcapWriter>(*file->to_, follow.snaplen());
        return file;
    }
    [[nodiscard]] Result<void> write(const api::Packet& packet) {
        auto written = writer_->write(packet);
        if (written && !to_->flush()) { // whole blocks: what is there can be read, however this ends
            return fail(ErrorCode::failed, "cannot be written", name_);
        }
        return written;
    }
    [[nodiscard]] bool is_standard() const { return to_ != &out_; }

  private:
    std::string name_;
    std::ofstream out_;
    std::ostream* to_ = nullptr;
    std::unique_ptr<PcapWriter> writer_;
};

class Following {
  public:
    Following(const Follow& follow, const Globals& globals, const World& world, File* file)
        : follow_(follow), globals_(globals), world_(world), file_(file) {}

    int run(api::Subscription& stream) {
        const int interrupt = world_.interrupt ? world_.interrupt() : -1;
        const auto until = follow_.limit.transform([this](Millis limit) { return world_.now() + limit; });
        while (!enough() && world_.out) {
            const auto left = until.transform(
                [this](auto end) { return std::max(std::chrono::ceil<Millis>(end - world_.now()), Millis::zero()); });
            auto item = stream.next(left, interrupt);
            if (!item) {
                return tell(item.error(), globals_.output, world_);
            }
            if (!*item) { // told to end, or the time is over
                return finish();
            }
            if (const auto* error = std::get_if<Error>(&**item)) {
                return tell(*error, globals_.output, world_);
            }
            if (auto taken = take(**item); !taken) {
                return tell(taken.error(), globals_.output, world_);
            }
        }
        return finish();
    }

  private:
    [[nodiscard]] bool enough() const { return follow_.count && seen_ >= *follow_.count; }

    Result<void> take(const api::Item& item) {
        const auto* lost = std::get_if<api::Lost>(&item);
        lost_ += lost != nullptr ? lost->count : 0;
        const auto* packet = std::get_if<api::Packet>(&item);
        const bool counts = lost == nullptr && (packet == nullptr || packet->verdict != "left");
        seen_ += counts ? 1 : 0;
        if (file_ != nullptr && packet != nullptr) {
            return file_->write(*packet);
        }
        if (file_ == nullptr) {
            world_.out << line_of(item, globals_.output);
            world_.out.flush();
        }
        return {};
    }

    int finish() {
        const std::uint64_t wanted = follow_.count.value_or(0);
        if (file_ != nullptr) {
            world_.err << fmt::format("lbctl: {} packet{} written, {} lost\n", seen_, seen_ == 1 ? "" : "s", lost_);
        }
        if (follow_.limit && seen_ < wanted) {
            return tell(Error{ErrorCode::timeout,
                              fmt::format("{} of {} after {}", seen_, wanted, duration_text(*follow_.limit)), ""},
                        globals_.output, world_);
        }
        return 0;
    }

    const Follow& follow_;
    const Globals& globals_;
    const World& world_;
    File* file_;
    std::uint64_t seen_ = 0;
    std::uint64_t lost_ = 0;
};

// On stderr, so that a script knows from when on nothing is missed.
std::string begin_note(const api::Following& answer, Output output) {
    if (output == Output::json) {
        return nlohmann::json{{"following", {{"interfaces", answer.interfaces}}}}.dump() + "\n";
    }
    return answer.interfaces.empty() ? "lbctl: following; Ctrl-C ends it\n"
                                     : fmt::format("lbctl: following what comes in on {}; Ctrl-C ends it\n",
                                                   fmt::join(answer.interfaces, ", "));
}

} // namespace

int run_follow(const Follow& follow, const Globals& globals, const World& world) {
    auto file = File::open(follow, world.out);
    if (!file) {
        return tell(file.error(), globals.output, world);
    }
    auto begun = world.follow(globals.socket, follow.request, globals.timeout);
    if (!begun) {
        return tell(begun.error(), globals.output, world);
    }
    world.err << begin_note(begun->answer, globals.output) << std::flush;
    return Following(follow, globals, world, file->get()).run(*begun->stream);
}

} // namespace proxip::cli
