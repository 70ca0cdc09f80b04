package io.frz

import androidx.annotation.WorkerThread
import io.frz.internal.Budget
import io.frz.internal.Lifetime
import io.frz.internal.Request
import io.frz.internal.container.Container
import io.frz.internal.directory.Group
import io.frz.internal.quote
import io.frz.internal.rebuild.Loader
import io.frz.internal.storage.BufferSource
import io.frz.internal.storage.FileSource
import io.frz.internal.storage.MappedSource
import io.frz.internal.storage.Source
import io.frz.internal.storage.StreamSource
import java.io.Closeable
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import java.util.Collections

/**
 * An open `.frz` file. It describes its content without decoding it, and rebuilds tensors on request.
 *
 * A damaged file is never decoded: whatever does not match its checksum or the format causes an [FrzException] that
 * names the tensor or the byte. Memory is accounted for before it is allocated: a request that needs more than
 * [FrzOptions.memoryBudget] is refused with [ErrorCode.BUDGET], and so is opening a file whose list of tensors is too
 * long.
 *
 * ```
 * FrzFile.open(File("model.frz")).use { file ->
 *     val weight = file.load("conv1.weight")
 *     weight.buffer.asFloatBuffer()
 * }
 * ```
 *
 * Instances may be used by several threads at once. Decode only on threads that may block. Interrupting a thread ends
 * its request with [java.io.InterruptedIOException], and [close] ends all current and later requests with
 * [IllegalStateException]; both take effect within milliseconds. Read errors are [IOException]s.
 */
public class FrzFile private constructor(private val container: Container, options: FrzOptions) : Closeable {
    private val directory = container.directory

    /** The file's description of each of its tensors, in file order. */
    public val tensors: List<TensorInfo> = infos(directory.tensors) { !it.isFactors }

    /** The file's description of its factors: the matrices that [BasisKind.STORED] axes of tensors use. */
    public val factors: List<TensorInfo> = infos(directory.factors.size) { it.isFactors }

    /** The groups in which tensors and factors are stored together, in file order. */
    public val groups: List<GroupInfo> = Collections.unmodifiableList(
        directory.groups.map { group ->
            val all = if (group.isFactors) factors else tensors
            GroupInfo(group, all.subList(group.first, group.first + group.size))
        }
    )

    private val loader = Loader(container, tensors, options)

    /** Further names of tensors, such as those of tied weights, and the names that they stand for. */
    public val aliases: Map<String, String> = Collections.unmodifiableMap(directory.aliases())

    /** Texts about the model, such as its licence, source and accuracy. They do not affect how the file is decoded. */
    public val metadata: Map<String, String> = Collections.unmodifiableMap(directory.metadata)

    /** The number of capacity levels in the complete file. */
    public val tiers: Int get() = directory.tiers

    /** The number of capacity levels that are present; less than [tiers] if the file was cut off after one. */
    public val tiersPresent: Int get() = container.tiersPresent

    /** The capacity level that is decoded. */
    public val tier: Int get() = container.tier

    /** Whether [name] is a tensor of the file, or an alias of one. */
    public operator fun contains(name: String): Boolean = directory.find(name) >= 0

    /** The file's description of the tensor called [name]; [ErrorCode.NOT_FOUND] if there is none. */
    @Throws(FrzException::class)
    public fun tensor(name: String): TensorInfo {
        val number = directory.find(name)
        if (number >= 0) return tensors[number]
        throw FrzException(
            ErrorCode.NOT_FOUND,
            "the file holds ${tensors.size} tensors, but none of this name",
            name
        )
    }

    /**
     * Rebuilds the tensor called [name] in memory of its own; see [FrzTensor.buffer].
     *
     * @throws FrzException [ErrorCode.NOT_FOUND]; [ErrorCode.BUDGET] or [ErrorCode.DEPENDENCY]; [ErrorCode.CHECKSUM],
     *   [ErrorCode.STREAM], [ErrorCode.VALUE] or [ErrorCode.TRUNCATED] if the file is damaged
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun load(name: String): FrzTensor = container.lifetime.request(name) {
        val info = tensor(name)
        FrzTensor(name, info.dtype, info.shape, loader.load(info, null, it))
    }

    /**
     * Rebuilds the tensor called [name] in [target], from its position on, and advances the position past it. The
     * elements are little-endian, regardless of the buffer's byte order. If this throws, the content of that memory is
     * undefined.
     *
     * @throws IllegalArgumentException if [target] is read-only, or fewer bytes remain in it than [TensorInfo.bytes]
     * @throws FrzException [ErrorCode.NOT_FOUND]; [ErrorCode.BUDGET] or [ErrorCode.DEPENDENCY]; [ErrorCode.CHECKSUM],
     *   [ErrorCode.STREAM], [ErrorCode.VALUE] or [ErrorCode.TRUNCATED] if the file is damaged
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun loadInto(name: String, target: ByteBuffer): Unit = container.lifetime.request(name) {
        val info = tensor(name)
        val memory = portion(target, info)
        loader.load(info, memory, it)
        target.position(memory.limit())
    }

    /**
     * Rebuilds all tensors. Aliases are among the keys, and share the memory of the tensors that they stand for.
     *
     * @throws FrzException [ErrorCode.BUDGET] or [ErrorCode.DEPENDENCY]; [ErrorCode.CHECKSUM], [ErrorCode.STREAM],
     *   [ErrorCode.VALUE] or [ErrorCode.TRUNCATED] if the file is damaged
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun loadAll(): Map<String, FrzTensor> = container.lifetime.request(null) { request ->
        val all = LinkedHashMap<String, FrzTensor>()
        loader.loadAll(request) { info, memory -> all[info.name] = rebuilt(info, memory) }
        for ((alias, name) in aliases) {
            val target = all.getValue(name)
            all[alias] = FrzTensor(alias, target.dtype, target.shape, target.buffer)
        }
        all
    }

    /**
     * Rebuilds all tensors one after the other, in the order of the file, and hands each to [visitor]. All are rebuilt
     * in the same memory, so this takes only as much as the largest tensor; copy whatever has to outlive the visit.
     *
     * @throws FrzException [ErrorCode.BUDGET] or [ErrorCode.DEPENDENCY]; [ErrorCode.CHECKSUM], [ErrorCode.STREAM],
     *   [ErrorCode.VALUE] or [ErrorCode.TRUNCATED] if the file is damaged
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun forEach(visitor: TensorVisitor): Unit = container.lifetime.request(null) { request ->
        loader.forEach(request) { info, memory -> visit(request, visitor, info, memory) }
    }

    /**
     * Rebuilds all tensors one after the other, in the order of the file, each in the memory that [memory] provides for
     * it, and hands each to [visitor]. Only the caller's memory is used for them.
     *
     * @throws IllegalArgumentException if a buffer is read-only, or fewer bytes remain in it than [TensorInfo.bytes]
     * @throws FrzException [ErrorCode.BUDGET] or [ErrorCode.DEPENDENCY]; [ErrorCode.CHECKSUM], [ErrorCode.STREAM],
     *   [ErrorCode.VALUE] or [ErrorCode.TRUNCATED] if the file is damaged
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun forEach(memory: TensorMemory, visitor: TensorVisitor): Unit =
        container.lifetime.request(null) { request ->
            val allocate = { info: TensorInfo -> request.outside { memory.memory(info) }?.let { portion(it, info) } }
            loader.forEach(0, request, allocate) { info, bytes -> visit(request, visitor, info, bytes) }
        }

    /**
     * The core of the tensor called [name], without its bases: in zigzag order if [TensorInfo.kept] says so, else in
     * row-major order of the corner [TensorInfo.box], which is the shape of what this returns. Values have the type
     * f32, or the tensor's own type if they are its elements bit for bit.
     *
     * @throws FrzException [ErrorCode.NOT_FOUND]; [ErrorCode.BUDGET] or [ErrorCode.DEPENDENCY]; [ErrorCode.CHECKSUM],
     *   [ErrorCode.STREAM], [ErrorCode.VALUE] or [ErrorCode.TRUNCATED] if the file is damaged
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun core(name: String): FrzTensor = container.lifetime.request(name) { core(tensor(name), it) }

    /**
     * Factor [number] of the file, counted from 0: those of its first rows that the opened tier has.
     *
     * @throws FrzException [ErrorCode.NOT_FOUND]; [ErrorCode.BUDGET] or [ErrorCode.DEPENDENCY]; [ErrorCode.CHECKSUM],
     *   [ErrorCode.STREAM], [ErrorCode.VALUE] or [ErrorCode.TRUNCATED] if the file is damaged
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun factor(number: Int): FrzTensor = container.lifetime.request(null) {
        if (number !in factors.indices) {
            throw FrzException(ErrorCode.NOT_FOUND, "the file holds ${factors.size} factors, but no factor $number")
        }
        core(factors[number], it)
    }

    private fun core(info: TensorInfo, request: Request): FrzTensor {
        val dtype = if (info.record.isExact(info.index)) info.dtype else DType.F32
        val shape = info.kept?.let { longArrayOf(it.toLong()) } ?: info.box
        return FrzTensor(info.name, dtype, shape, loader.core(info.record, info.index, request))
    }

    /**
     * Decodes everything up to [tier] without rebuilding it, and throws at the first fault.
     *
     * @throws FrzException [ErrorCode.BUDGET] or [ErrorCode.DEPENDENCY]; [ErrorCode.CHECKSUM],
     *   [ErrorCode.STREAM], [ErrorCode.VALUE] or [ErrorCode.TRUNCATED] if the file is damaged
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun verify(): Unit = container.lifetime.request(null) { loader.verify(it) }

    /** Closes the file on disk, if there is one. Tensors that have been loaded remain valid. */
    @Throws(IOException::class)
    override fun close(): Unit = container.close()

    /** The bytes of [target] that the tensor described by [info] will fill. */
    private fun portion(target: ByteBuffer, info: TensorInfo): ByteBuffer {
        require(!target.isReadOnly) { "the buffer for tensor ${quote(info.name)} is read-only" }
        require(target.remaining() >= info.bytes) {
            "tensor ${quote(info.name)} takes ${info.bytes} bytes and the buffer has room for ${target.remaining()}"
        }
        val memory = target.duplicate()
        memory.limit(memory.position() + info.bytes.toInt())
        return memory
    }

    private fun visit(request: Request, visitor: TensorVisitor, info: TensorInfo, memory: ByteBuffer) {
        val tensor = rebuilt(info, memory.slice())
        request.outside { visitor.visit(tensor) }
    }

    private fun infos(count: Int, wanted: (Group) -> Boolean): List<TensorInfo> {
        val infos = ArrayList<TensorInfo>(count)
        for (group in directory.groups) {
            if (wanted(group)) repeat(group.size) { infos.add(TensorInfo(group, it, tiers, tier)) }
        }
        return Collections.unmodifiableList(infos)
    }

    private fun rebuilt(info: TensorInfo, memory: ByteBuffer) = FrzTensor(info.name, info.dtype, info.shape, memory)

    /**
     * Opens files. Each method may throw [FrzException] with one of these codes: [ErrorCode.MAGIC],
     * [ErrorCode.VERSION], [ErrorCode.HEADER], [ErrorCode.LIMIT], [ErrorCode.TRUNCATED], [ErrorCode.TRAILING],
     * [ErrorCode.CHECKSUM], [ErrorCode.STREAM], [ErrorCode.DIRECTORY], [ErrorCode.FEATURE], [ErrorCode.UNSUPPORTED],
     * [ErrorCode.NAME], [ErrorCode.SHAPE] and [ErrorCode.VALUE] if the file is faulty, [ErrorCode.TIER] and
     * [ErrorCode.BUDGET] if it cannot satisfy the options.
     */
    public companion object {
        /** Opens a file on disk. Only what requests need is read. */
        @WorkerThread
        @JvmStatic
        @JvmOverloads
        @Throws(IOException::class)
        public fun open(file: File, options: FrzOptions = FrzOptions.DEFAULT): FrzFile = open(FileSource(file), options)

        /**
         * Opens the bytes between the position and the limit of [bytes], such as those of a mapped file. They are not
         * copied.
         */
        @WorkerThread
        @JvmStatic
        @JvmOverloads
        @Throws(IOException::class)
        public fun open(bytes: ByteBuffer, options: FrzOptions = FrzOptions.DEFAULT): FrzFile =
            open(BufferSource(bytes), options)

        /**
         * Opens a part of a file, [length] bytes from [offset] on, such as an asset that is stored uncompressed:
         *
         * ```
         * context.assets.openFd("model.frz").use {
         *     FrzFile.open(FileInputStream(it.fileDescriptor).channel, it.startOffset, it.length)
         * }
         * ```
         *
         * The part is mapped into memory, which takes no heap; [channel] may be closed once this returns. The file must
         * not be truncated while it is open here.
         *
         * @throws IllegalArgumentException if the channel's file does not have that many bytes
         */
        @WorkerThread
        @JvmStatic
        @JvmOverloads
        @Throws(IOException::class)
        public fun open(
            channel: FileChannel,
            offset: Long,
            length: Long,
            options: FrzOptions = FrzOptions.DEFAULT
        ): FrzFile {
            val size = channel.size()
            require(offset in 0..size && length in 0..size - offset) {
                "the channel has $size bytes, not $length from byte $offset on"
            }
            return open(MappedSource(channel, offset, length), options)
        }

        /** Opens a file in memory. It is not copied. */
        @WorkerThread
        @JvmStatic
        @JvmOverloads
        @Throws(IOException::class)
        public fun open(bytes: ByteArray, options: FrzOptions = FrzOptions.DEFAULT): FrzFile =
            open(ByteBuffer.wrap(bytes), options)

        /**
         * Opens the file that [stream] delivers. The stream is read only as far as [FrzOptions.tier] requires, and what
         * has been read is kept in memory. The caller closes the stream once this returns.
         */
        @WorkerThread
        @JvmStatic
        @JvmOverloads
        @Throws(IOException::class)
        public fun open(stream: InputStream, options: FrzOptions = FrzOptions.DEFAULT): FrzFile =
            open(StreamSource(stream, Budget(options.memoryBudget)), options)

        private fun open(source: Source, options: FrzOptions): FrzFile {
            val lifetime = Lifetime()
            var opened = false
            try {
                return lifetime.request(null) { request ->
                    FrzFile(Container.open(source, options, lifetime, request), options).also { opened = true }
                }
            } finally {
                if (!opened) source.close()
            }
        }
    }
}
